"""Labels of kinetic equations: BGK, ES-BGK and Shakhov in time, and steady shocks."""

from eltanin_kinetic.labeler import Bgk
from eltanin_kinetic.profiles import (
    Profile,
    evolve_fields,
    riemann_profile,
    shock_profile,
    wave_profile,
)
from eltanin_kinetic.shock_labeler import ShockWave
from eltanin_kinetic.solver import Discretisation

__all__ = [
    "Bgk",
    "Discretisation",
    "Profile",
    "ShockWave",
    "evolve_fields",
    "riemann_profile",
    "shock_profile",
    "wave_profile",
]
