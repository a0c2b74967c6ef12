"""Random flows of a monatomic gas, run by the current closure."""

from eltanin_kinetic_flows.explorer import KineticFlows

__all__ = ["KineticFlows"]
