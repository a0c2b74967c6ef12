"""The gas domain: initial-value problems, the closing fluxes of their cells, files, deviations."""
