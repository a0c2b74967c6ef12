"""Symmetry functions of Behler and Parrinello: radial and angular, for each species and pair of species."""

from eltanin_behler_parrinello.descriptor import BehlerParrinello

__all__ = ["BehlerParrinello"]
