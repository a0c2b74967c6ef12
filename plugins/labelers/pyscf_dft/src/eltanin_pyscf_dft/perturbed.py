"""Second-order Møller–Plesset perturbation theory on top of Hartree–Fock, all electrons correlated."""

from __future__ import annotations

from typing import Any

import numpy as np

from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.derivatives import centre
from eltanin_pyscf_dft.ladder import Make, Unconverged

STEP = 2e-3  # hartree/(e bohr), of the field that the energy is differentiated by


def correlated(field: Any) -> Any:
    """Return MP2 of a converged Hartree–Fock field; its `e_tot` is the energy, in hartree."""
    perturbed = pyscf.mp.MP2(field)
    perturbed.kernel()
    return perturbed


def in_field(make: Make, strength: np.ndarray) -> Make:
    """Return how to make the same mean field in an electric field, (3,) hartree/(e bohr).

    Electrons gain E·r; with r from the centre of nuclear charge the nuclei gain nothing.
    """

    def made() -> Any:
        field = make()
        with field.mol.with_common_orig(centre(field.mol)):
            position = field.mol.intor_symmetric("int1e_r", comp=3)
        core = field.get_hcore() + np.einsum("x,xpq->pq", strength, position)
        field.get_hcore = lambda *_: core
        return field

    return made


def dipole(make: Make) -> np.ndarray:
    """Return the dipole moment -dE/dfield, (3,) e bohr, by differences of fourth order of the energy.

    Twelve energies; the density of MP2 without its relaxation would be no derivative of its energy.
    """
    moment = np.zeros(3)
    for axis in range(3):
        for steps, weight in ((-2, 1.0), (-1, -8.0), (1, 8.0), (2, -1.0)):
            field = in_field(make, steps * STEP * np.eye(3)[axis])()
            field.kernel()
            if not field.converged:
                raise Unconverged("Hartree–Fock in a field, for the dipole moment of MP2")
            moment[axis] -= weight * correlated(field).e_tot / (12 * STEP)
    return moment
