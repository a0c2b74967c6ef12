"""Experiments in YAML, chosen with experiment=NAME, and the crystals that they begin from."""
