"""The atomic domain: structures, graphs, files, deviations."""
