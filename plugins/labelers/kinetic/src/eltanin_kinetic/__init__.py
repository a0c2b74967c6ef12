"""Labels of kinetic equations: Boltzmann, BGK, ES-BGK and Shakhov in time, and steady shocks."""

from eltanin_kinetic.boltzmann import Boltzmann
from eltanin_kinetic.boltzmann_solver import SpectralDiscretisation
from eltanin_kinetic.labeler import Bgk
from eltanin_kinetic.profiles import (
    Profile,
    boltzmann_fields,
    boltzmann_profile,
    evolve_fields,
    riemann_profile,
    shock_profile,
    wave_profile,
)
from eltanin_kinetic.shock_labeler import ShockWave
from eltanin_kinetic.solver import Discretisation

__all__ = [
    "Bgk",
    "Boltzmann",
    "Discretisation",
    "Profile",
    "ShockWave",
    "SpectralDiscretisation",
    "boltzmann_fields",
    "boltzmann_profile",
    "evolve_fields",
    "riemann_profile",
    "shock_profile",
    "wave_profile",
]
