"""Problems of a Lorentz gas, run under a closure."""

from __future__ import annotations

import numpy as np

from eltanin_gas.lorentz.system import LorentzGas
from eltanin_gas.lorentz.transport import Closure, evolve
from eltanin_gas.problems import Boundary, Problems


def fields_after(x: Problems, duration: np.ndarray, gas: LorentzGas, closure: Closure, courant: float) -> np.ndarray:
    """Return the moments (cells, 2) of all problems, each after its own duration (n,)."""
    return evolve(
        x.fields.values,
        gas.relaxation_time(x.knudsen.values),
        x.spacing,
        duration,
        x.cells,
        x.boundary == Boundary.PERIODIC,
        closure,
        courant,
    )
