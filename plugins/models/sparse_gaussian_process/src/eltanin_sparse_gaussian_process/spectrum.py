"""SOAP power spectra of atoms and their derivatives, by featomic.

    ρ_i(r) = Σ_j w(r_ij) gaussian(r - r_ij),    c_tnlm = <n l m|ρ_i of species t>
    p_{tn,t'n',l} = Σ_m c_tnlm c_t'n'lm / √(2l + 1)

(Bartók, Kondor & Csányi 2013.) featomic's own switch has one continuous derivative, a force with a
kink where a neighbour leaves; so ours, with two, is folded into the radial integrals that are handed over:

    w = 1 - u³(6u² - 15u + 10),    u = (r - r_c + width)/width clipped to [0, 1]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import metatensor
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from featomic import SoapPowerSpectrum
from featomic.basis import Explicit, Gto, RadialBasis, TensorProduct
from featomic.cutoff import Cutoff
from featomic.density import DiracDelta, Gaussian
from featomic.splines import SoapSpliner, Spline, SplinedRadialBasis
from jaxtyping import Float
from scipy.interpolate import make_interp_spline

from eltanin_atoms.graphs import species_of
from eltanin_atoms.neighbours import close_gaps
from eltanin_atoms.structures import Structures

INTEGRALS = 100  # distances at which radial integrals are worked out, and
POINTS = 4000  # at which they are tabulated: forces are then derivatives of energies to 1e-8


@dataclass(frozen=True)
class Soap:
    """Lengths in Å; radial and angular are the largest n and l."""

    cutoff: float
    width: float
    smearing: float
    radial: int
    angular: int


@dataclass(frozen=True)
class Spectra:
    """Unit vectors u of power spectra, and how they turn.

    unit: (atoms, features).  species: (atoms,).  structure: (atoms,).
    centre, moved: (pairs,) of du_centre/dr_moved; the two may be one.  by_position: (pairs, 3, features).
    by_strain: (atoms, 3, 3, features) du/dε, where r_a goes to r_a + Σ_b ε_ab r_b.
    """

    unit: np.ndarray
    species: np.ndarray
    structure: np.ndarray
    centre: np.ndarray
    moved: np.ndarray
    by_position: np.ndarray
    by_strain: np.ndarray


def spectra(x: Structures, soap: Soap, elements: Sequence[str], derivatives: bool = True) -> Spectra:
    """Return the power spectra of all atoms, each on the unit sphere."""
    species = species_of(x.numbers.values, elements)
    frames = [_padded(*row, soap.cutoff) for row in zip(x.to_ase(), x.pbc, strict=True)]
    block = _block(frames, soap, elements, ["positions", "strain"] if derivatives else [])
    samples, before = np.asarray(block.samples.values), x.positions.offsets
    at = before[samples[:, 0]] + samples[:, 1]  # featomic's order is that of the elements
    found = np.zeros((len(at), block.values.shape[1]))
    found[at] = block.values
    length = np.linalg.norm(found, axis=1)
    unit = found / length[:, None]
    centre = moved = np.zeros(0, dtype=np.int64)
    by_position, by_strain = np.zeros((0, 3, found.shape[1])), np.zeros((len(at), 3, 3, found.shape[1]))
    if derivatives:
        gradient, strain = block.gradient("positions"), block.gradient("strain")
        pairs = np.asarray(gradient.samples.values)
        centre, moved = at[pairs[:, 0]], before[pairs[:, 1]] + pairs[:, 2]
        by_position = tangent(unit[centre], gradient.values / length[centre, None, None])
        whole = at[np.asarray(strain.samples.values)[:, 0]]
        by_strain[whole] = strain.values / length[whole, None, None, None]
        by_strain = tangent(unit, by_strain)
    return Spectra(unit, species, x.positions.owner, centre, moved, by_position, by_strain)


def tangent(unit: Float[np.ndarray, "n features"], slope: np.ndarray) -> np.ndarray:
    """Return what a slope (n, …, features) leaves when its part along the unit vector is taken out."""
    along = np.einsum("n...f,nf->n...", slope, unit)
    return slope - along[..., None] * unit.reshape(len(unit), *[1] * (slope.ndim - 2), -1)


def _block(frames: list[Any], soap: Soap, elements: Sequence[str], gradients: list[str]) -> Any:
    numbers = sorted(atomic_numbers[e] for e in elements)
    both = [(a, b) for k, a in enumerate(numbers) for b in numbers[k:]]
    names = ["center_type", "neighbor_1_type", "neighbor_2_type"]
    keys = metatensor.Labels(names, np.array([(z, *pair) for z in numbers for pair in both], dtype=np.int32))
    found = calculator(soap).compute(frames, gradients=gradients, selected_keys=keys)
    found = found.keys_to_properties(metatensor.Labels(names[1:], np.array(both, dtype=np.int32)))
    return found.keys_to_samples("center_type").block()


def _padded(atoms: Atoms, pbc: np.ndarray, cutoff: float) -> Atoms:
    """Return atoms that are periodic or not at all: where only some axes are, the others get room."""
    if pbc.all():
        return atoms
    positions = close_gaps(atoms.positions, atoms.cell.array, pbc, 2 * cutoff)
    if not pbc.any():
        return Atoms(numbers=atoms.numbers, positions=positions)
    cell = np.where(pbc[:, None], atoms.cell.array, 0.0)
    axes = Atoms(cell=cell).cell.complete().array
    for k in np.flatnonzero(~pbc):
        along = positions @ axes[k]
        cell[k] = axes[k] * (np.ptp(along) + 2 * cutoff)
    return Atoms(numbers=atoms.numbers, positions=positions, cell=cell, pbc=True)


@lru_cache
def calculator(soap: Soap) -> SoapPowerSpectrum:
    """Return featomic's calculator; its radial integrals are smooth at the cutoff."""
    cutoff = Cutoff(soap.cutoff, None)
    basis = TensorProduct(max_angular=soap.angular, radial=Gto(max_radial=soap.radial, radius=soap.cutoff))
    density = Gaussian(width=soap.smearing)
    spliner = SoapSpliner(cutoff=cutoff, density=density, basis=basis, n_spline_points=INTEGRALS)
    exact: Any = spliner.get_hypers()["basis"]
    smooth: dict[int, RadialBasis] = {
        k: SplinedRadialBasis(
            spline=switched(exact.radial_basis(k).spline, soap), max_radial=soap.radial, radius=soap.cutoff
        )
        for k in range(soap.angular + 1)
    }
    return SoapPowerSpectrum(
        cutoff=cutoff, density=DiracDelta(), basis=Explicit(by_angular=smooth, spline_accuracy=None)
    )


def switched(spline: Spline, soap: Soap) -> Spline:
    """Return a finer spline of radial integrals, times the switch."""
    curve = make_interp_spline(spline.positions, spline.values, k=9)
    r = np.linspace(0.0, soap.cutoff, POINTS)
    u = np.clip((r - soap.cutoff + soap.width) / soap.width, 0.0, 1.0)[:, None]
    w, slope = 1 - u**3 * (6 * u**2 - 15 * u + 10), -30 * u**2 * (1 - u) ** 2 / soap.width
    result = Spline(0.0, soap.cutoff)
    result.add_points(r, curve(r) * w, curve.derivative()(r) * w + curve(r) * slope)
    return result
