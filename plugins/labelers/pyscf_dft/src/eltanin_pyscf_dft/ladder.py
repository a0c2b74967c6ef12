"""The ladder of remedies: how a self-consistent field is reached, in a declared order.

Convergence is a part of a label. Where the plain iteration does not converge, what is tried next is
the same for every configuration, begins from atoms again, and is recorded. No rung begins from what
another label was, and none loosens a threshold: a label of the last rung is as converged as one of
the first.

For a molecule and for a crystal alike `make` returns a fresh mean field of PySCF with all of the
method set (functional, grid, thresholds, `max_cycle`):

    climb = climbed(make, ("diis", "damping", "newton"))
    climb.field.converged, climb.field.e_tot, climb.rung, climb.tried
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

from scipy.linalg import LinAlgError

from eltanin_pyscf_dft.closed import pyscf

Make = Callable[[], Any]


class Unconverged(Exception):
    """A further calculation that a label needs did not converge: its message says which."""


class Climb(NamedTuple):
    """Where the ladder ended. field: the mean field of the last rung.  tried: of each rung what became of it."""

    field: Any
    rung: str
    tried: tuple[dict[str, Any], ...]

    @property
    def converged(self) -> bool:
        """Whether a rung converged."""
        return bool(self.tried) and bool(self.tried[-1]["converged"])

    @property
    def told(self) -> str:
        """What was tried, in words."""
        each = [f"{one['rung']}: {one.get('trouble') or str(one['cycles']) + ' cycles'}" for one in self.tried]
        return ", ".join(each)


def climbed(make: Make, rungs: Sequence[str]) -> Climb:
    """Try the rungs one after the other until one converges."""
    tried: list[dict[str, Any]] = []
    field: Any = None
    for rung in rungs:
        try:
            field = RUNGS[rung](make)
        except (LinAlgError, FloatingPointError, ZeroDivisionError) as error:
            tried.append({"rung": rung, "cycles": 0, "converged": False, "trouble": str(error)})
            continue
        tried.append({"rung": rung, "cycles": int(field.cycles), "converged": bool(field.converged)})
        if field.converged:
            return Climb(field, rung, tuple(tried))
    return Climb(field, "", tuple(tried))


def diis(make: Make) -> Any:
    """Pulay's extrapolation from the superposition of atomic densities (`minao`)."""
    field = make()
    field.kernel()
    return field


def damping(make: Make) -> Any:
    """Half of the old Fock matrix in the new one for 12 cycles, a longer memory afterwards."""
    field = make()
    field.damp, field.diis_start_cycle, field.diis_space = 0.5, 12, 12
    field.kernel()
    return field


def level_shift(make: Make) -> Any:
    """Empty orbitals lifted by 0.3 hartree: slower, and steadier where the gap is small.

    PySCF ends with a diagonalisation without the shift, which must meet the thresholds too.
    """
    field = make()
    field.level_shift, field.diis_space = 0.3, 12
    field.kernel()
    return field


def newton(make: Make) -> Any:
    """Second-order optimisation of the orbitals (co-iterative augmented Hessian)."""
    return second_order(make)


def smearing(make: Make) -> Any:
    """Converged with orbitals filled after Fermi and Dirac at 0.01 hartree, then again with whole electrons."""
    hot = pyscf.scf.addons.smearing_(make(), sigma=0.01, method="fermi")
    hot.kernel()
    field = make()
    field.kernel(hot.make_rdm1())
    return field


def other_guess(make: Make) -> Any:
    """From atoms that are self-consistent each by itself rather than tabulated, damped, then second-order."""
    first = make()
    first.init_guess = "atom"
    first.damp, first.diis_start_cycle = 0.5, 12
    with catch_warnings():  # PySCF calls something of its own that it deprecates
        simplefilter("ignore", DeprecationWarning)
        first.kernel()
    return second_order(make, first.mo_coeff, first.mo_occ)


def second_order(make: Make, *orbitals: Any) -> Any:
    """Optimise orbitals, those of the guess if none are given, and hand them over to a plain field.

    That one has derivatives, which the optimiser lacks.
    """
    field, steps = make(), count()
    second = field.newton()
    second.callback = lambda _: next(steps)
    second.kernel(*orbitals)
    for name in ("converged", "e_tot", "mo_energy", "mo_coeff", "mo_occ", "scf_summary"):
        setattr(field, name, getattr(second, name))
    field.cycles = next(steps)
    return field


RUNGS: Mapping[str, Callable[[Make], Any]] = {
    "diis": diis,
    "damping": damping,
    "level_shift": level_shift,
    "newton": newton,
    "smearing": smearing,
    "other_guess": other_guess,
}


def check_ladder(rungs: Sequence[str]) -> None:
    """Refuse a ladder without rungs, or with one that is unknown or there twice."""
    if not rungs or len(set(rungs)) < len(rungs) or not set(rungs) <= RUNGS.keys():
        raise ValueError(f"ladder={list(rungs)}: name one rung or more of {', '.join(RUNGS)}, each once")
