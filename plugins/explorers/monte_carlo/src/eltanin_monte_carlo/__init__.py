"""Markov chains on the square of a wave function."""

from eltanin_monte_carlo.explorer import MonteCarlo

__all__ = ["MonteCarlo"]
