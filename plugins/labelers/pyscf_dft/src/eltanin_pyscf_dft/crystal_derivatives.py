"""Forces and stress of a Kohn–Sham crystal, in atomic units: derivatives of the energy as it is calculated.

The mesh of points stays where it is when an atom moves, and strains with the cell: both derivatives are those of the
energy on this mesh, its error included, as long as the number of points stays. With occupations after Fermi and Dirac
they are derivatives of the free energy E - T S (M. Weinert, J. W. Davenport, Phys. Rev. B 45, 13709 (1992)).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from eltanin_pyscf_dft.closed import pyscf
from eltanin_pyscf_dft.periodic import pbc

krhf: Any = pbc.grad.krhf
krks: Any = pbc.grad.krks


class Gradients(krks.Gradients):
    """PySCF's gradients, with the local pseudopotential's part from the density instead of from matrices.

    v_loc(r) = sum_A v_A(r - R_A) acts on the electrons by matrices V_ij(k), of which PySCF takes the derivative for
    each atom: orbitals on the whole mesh, for each atom and k-point. Contracted with the density matrix that is

        dE/dR_A = integral rho(r) dv_A(r - R_A)/dR_A  -  2 Re sum_k,ij <grad chi_i|v_loc|chi_j> D_ji  (i of A):

    the same numbers from one density, and one matrix for all atoms.
    """

    def get_hcore(self, cell: Any = None, kpts: Any = None) -> np.ndarray:
        """Return <grad i|T + v_loc|j>, (k, 3, functions, functions), for all k-points at once."""
        cell, kpts = self.cell, self.kpts
        found = np.asarray(cell.pbc_intor("int1e_ipkin", kpts=kpts), dtype=complex)
        potential = np.einsum("ag,ag->g", cell.get_SI(), krhf.get_vlocG(cell)) * -1.0
        potential[0] = np.sum(krhf.get_alphas(cell))
        local = pbc.tools.ifft(potential, cell.mesh).real
        for values, start, stop in self._blocks(1):
            for k, ao in enumerate(values):
                weighed = ao[0] * local[start:stop, None]
                found[k] += np.einsum("agi,gj->aij", ao[1:].conj(), weighed, optimize=True)
        return found

    def hcore_generator(self, cell: Any = None, kpts: Any = None) -> Callable[[int], np.ndarray]:
        """Return the function from an atom to what its basis functions contribute, (3, k, functions, functions)."""
        del cell, kpts  # they are those of the field
        matrix = self.get_hcore().swapaxes(0, 1)
        slices = self.cell.aoslice_by_atom()

        def of(atom: int) -> np.ndarray:
            start, stop = slices[atom, 2:]
            part = np.zeros_like(matrix)
            part[:, :, start:stop] -= matrix[:, :, start:stop]
            part[:, :, :, start:stop] -= matrix[:, :, start:stop].swapaxes(2, 3).conj()
            return part

        return of

    def extra_force(self, atom_id: int, envs: Mapping[str, Any]) -> np.ndarray:
        """Return the integral of rho dv_A/dR_A, (3,)."""
        if atom_id == 0 or not hasattr(self, "density"):
            self.density = pbc.tools.fft(self._density(envs["dm0"]), self.cell.mesh)
        cell = self.cell
        wave = cell.get_SI()[atom_id] * krhf.get_vlocG(cell)[atom_id]
        points = len(wave)
        return np.einsum("gx,g,g->x", cell.Gv, 1j * wave, self.density.conj(), optimize=True).real / points

    def _density(self, dm: np.ndarray) -> np.ndarray:
        parts = [
            sum(pyscf.lib.einsum("gi,ij,gj->g", ao, d, ao.conj()).real for ao, d in zip(values, dm, strict=True))
            for values, _, _ in self._blocks(0)
        ]
        return np.concatenate(parts) / len(dm)

    def _blocks(self, deriv: int) -> Any:
        """Yield basis functions on the mesh for all k-points, and which points these are."""
        field, start = self.base, 0
        for values, _, _, weight, _ in field._numint.block_loop(self.cell, field.grids, None, deriv, self.kpts):
            yield values, start, start + len(weight)
            start += len(weight)


def gradients(field: Any) -> Gradients:
    """Return the gradients of a converged field whose k-points all count alike (`crystal_level.weighed`)."""
    field.grids.build(with_non0tab=True)
    return Gradients(field)


def forces(gradient: Gradients) -> np.ndarray:
    """Return -dE/dR, (atoms, 3) hartree/bohr.

    On a mesh they do not quite add up to zero: their sum is how the energy changes when the crystal moves over the
    points (the egg-box effect). Here they are as the energy has it.
    """
    return -np.asarray(gradient.kernel())


def stress(gradient: Gradients) -> np.ndarray:
    """Return (1/V) dE/d(strain), (3, 3) hartree/bohr^3, symmetric.

    PySCF's: analytic in basis functions and density; kinetic energy, overlap, the nonlocal pseudopotential and the
    nuclei's energy by central differences of their integrals at a fixed density matrix (strain 1e-5 to 1e-4).
    K. Doll, Mol. Phys. 108, 223 (2010).
    """
    found = np.asarray(gradient.get_stress())
    return (found + found.T) / 2
