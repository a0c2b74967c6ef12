"""Molecular dynamics driven by the committee, over a grid of temperatures and pressures."""

from eltanin_molecular_dynamics.explorer import MolecularDynamics
from eltanin_molecular_dynamics.settings import Driver, Ensemble, Guards, Region

__all__ = ["Driver", "Ensemble", "Guards", "MolecularDynamics", "Region"]
