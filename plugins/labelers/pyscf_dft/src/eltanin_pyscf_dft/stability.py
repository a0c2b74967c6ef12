"""Is the state that was found the ground state? Rotations of its orbitals tell.

A self-consistent field is a stationary point of the energy, not always a minimum. Where a lower
energy lies in a direction of the same kind of orbitals (an internal instability), it is followed,
second-order, until none is left. Where doubly occupied orbitals would gain by parting (an external
one: a bond that breaks), no restricted orbitals describe the structure, and it has no label: a
potential that learned from it would learn the wrong limit of dissociation. Unrestricted methods
(UKS, UHF) part them, and say how impure their spin is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from eltanin.protocols import Failure
from eltanin_pyscf_dft.ladder import Make, second_order

FOLLOWED = 3  # times that an instability is followed


class Examined(NamedTuple):
    """A mean field at a minimum, and how many instabilities were followed to it; or why there is none."""

    field: Any
    followed: int = 0
    failure: Failure | None = None


def examined(field: Any, make: Make, restricted: bool) -> Examined:
    """Follow internal instabilities, and refuse restricted orbitals that would rather part."""
    for followed in range(FOLLOWED + 1):
        orbitals, _, stable, whole = _analysed(field, restricted)
        if stable and whole:
            return Examined(field, followed)
        if stable:
            told = "doubly occupied orbitals are no minimum: the energy falls where they part, as where a bond breaks"
            return Examined(field, followed, Failure("unconverged", f"{told}; choose an unrestricted method, as UKS"))
        field = second_order(make, orbitals, field.mo_occ)
        if not field.converged:
            return Examined(field, followed, Failure("unconverged", "an instability was followed to no convergence"))
    told = f"orbitals were unstable {FOLLOWED + 1} times in a row"
    return Examined(field, FOLLOWED, Failure("unconverged", f"{told}: no minimum of the energy was found"))


def _analysed(field: Any, restricted: bool) -> tuple[Any, Any, bool, bool]:
    """Return orbitals to go on from, and whether the field is stable within its kind and against parting."""
    if restricted:
        return field.stability(internal=True, external=True, return_status=True)
    orbitals, other, stable, _ = field.stability(internal=True, external=False, return_status=True)
    return orbitals, other, bool(stable), True
