"""Derivatives of the energy of a self-consistent field, in atomic units.

F_A = -dE/dR_A,     mu = -dE/dE_field,     alpha = d mu / dE_field.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eltanin_pyscf_dft.closed import pyscf


def forces(field: Any, grid_response: bool) -> np.ndarray:
    """Return the forces, (atoms, 3) hartree/bohr, analytic.

    grid_response: the points and weights of a Kohn–Sham grid move with the atoms. Without it forces are
    no derivatives of the energy as it is calculated, by 4e-4 eV/Å for water on a grid of level 3.
    """
    gradient = field.nuc_grad_method()
    if hasattr(gradient, "grid_response"):
        gradient.grid_response = grid_response
    return -np.asarray(gradient.kernel())


def centre(mol: Any) -> np.ndarray:
    """Return the centre of nuclear charge, (3,) bohr: what the dipole of an ion is counted from."""
    charges = mol.atom_charges()
    return charges @ mol.atom_coords() / charges.sum()


def dipole(field: Any) -> np.ndarray:
    """Return the dipole moment, (3,) e bohr, about the centre of nuclear charge."""
    return np.asarray(field.dip_moment(unit="AU", origin=centre(field.mol), verbose=0))


def polarisability(field: Any) -> np.ndarray:
    """Return the static dipole polarisability, (3, 3) bohr^3, by coupled-perturbed equations.

    With the orbitals' first-order change U of the occupied i by the empty a in a field along y,

        (e_a - e_i) U_ai + [v[U]]_ai = -r_ai,y,     alpha_xy = -2 n sum_ai r_ai,x U_ai,y

    (n = 2 for doubly occupied orbitals, 1 for each spin else), where v is the response of the potential.
    J. A. Pople, R. Krishnan, H. B. Schlegel, J. S. Binkley, Int. J. Quantum Chem. 16, 225 (1979).
    """
    mol = field.mol
    with mol.with_common_orig(centre(mol)):
        position = mol.intor_symmetric("int1e_r", comp=3)
    restricted = np.asarray(field.mo_occ).ndim == 1
    spins = [(field.mo_coeff, field.mo_occ)] if restricted else zip(field.mo_coeff, field.mo_occ, strict=True)
    orbitals = [(c[:, occ > 0], c[:, occ == 0]) for c, occ in spins]
    moments = [np.einsum("xpq,pa,qi->xai", position, empty, full) for full, empty in orbitals]
    response = _response(field, orbitals, 2 if restricted else 1)
    module = pyscf.scf.cphf if restricted else pyscf.scf.ucphf
    told: Any = moments[0] if restricted else tuple(moments)
    changes, _ = module.solve(response, field.mo_energy, field.mo_occ, told, tol=1e-9, max_cycle=50, verbose=0)
    changes = [changes] if restricted else changes
    each = [np.einsum("xai,yai->xy", r, u) for r, u in zip(moments, changes, strict=True)]
    alpha = -(4 if restricted else 2) * np.sum(each, axis=0)
    return (alpha + alpha.T) / 2


def _response(field: Any, orbitals: list[tuple[np.ndarray, np.ndarray]], occupation: int) -> Any:
    """Return the function from changes of orbitals, flat, to the response of the potential between them."""
    induced = field.gen_response(hermi=1)
    shapes = [(empty.shape[1], full.shape[1]) for full, empty in orbitals]
    ends = np.cumsum([a * i for a, i in shapes])[:-1]

    def response(flat: np.ndarray) -> np.ndarray:
        parts = np.split(flat.reshape(-1, sum(a * i for a, i in shapes)), ends, axis=1)
        densities = []
        for part, (a, i), (full, empty) in zip(parts, shapes, orbitals, strict=True):
            half = np.einsum("pa,xai,qi->xpq", empty, part.reshape(-1, a, i) * occupation, full)
            densities.append(half + half.transpose(0, 2, 1))
        potential = induced(densities[0] if len(orbitals) == 1 else np.array(densities))
        potentials = [potential] if len(orbitals) == 1 else potential
        back = [np.einsum("xpq,pa,qi->xai", v, e, f) for v, (f, e) in zip(potentials, orbitals, strict=True)]
        return np.concatenate([one.reshape(len(flat), -1) if flat.ndim > 1 else one.reshape(1, -1) for one in back], 1)

    return response
