"""The component: settings of a sparse Gaussian process, and what becomes of its state."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from ase.data import atomic_numbers

from eltanin.batch import Properties, to_numpy
from eltanin.protocols import Dataset, Metrics, Rng
from eltanin.registry import slot
from eltanin_atoms.deviation import rmse
from eltanin_atoms.graphs import species_of
from eltanin_atoms.learning.bias import elements_of
from eltanin_atoms.least_squares import triangle
from eltanin_atoms.repulsions import Repulsion, less, refuse_reach
from eltanin_atoms.structures import Structures
from eltanin_sparse_gaussian_process import kernel
from eltanin_sparse_gaussian_process.kernel import Points
from eltanin_sparse_gaussian_process.potential import Potential
from eltanin_sparse_gaussian_process.regression import Posterior, factor, inducing, most_likely, posterior
from eltanin_sparse_gaussian_process.spectrum import Soap, spectra

Learned = Dataset[Structures, Properties, Properties]
State = dict[str, Any]
Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class SparseGaussianProcess:
    """Gaussian process of what atoms see around them, by SOAP power spectra; it knows its own standard error.

    repulsion: what keeps atoms apart before anything is learned; the process learns the rest. None, unless chosen.
    cutoff: how far an atom sees, Å.
    width: of the shell in which neighbours fade out before the cutoff, Å.
    smearing: standard deviation of the Gaussian that stands for an atom, Å.
    radial, angular: largest n and l of the expansion of the density.
    zeta: power of the similarity of two atoms.
    points: inducing points, at most; what is chosen once stays.
    resolution: no atom becomes a point whose variance, given the points there are, is below this part of the whole.
    elements: chemical symbols; left empty, those of the first data.
    energy_error, virial_error: errors of labels relative to one another, eV/atom; of an energy that brings its
        standard error along, that one counts.
    force_error: the same, eV/Å; how large the errors are in all, and the signal, are the most likely ones. Energies
        alone that all bring standard errors are believed as they are.
    """

    domain: ClassVar[str] = "atoms"
    revision: ClassVar[int] = 1
    predicts: ClassVar[frozenset[str]] = frozenset({"energy", "forces", "virial"})
    guarantees: ClassVar[tuple[str, ...]] = (
        "The energy does not change under translations, rotations, reflections and permutations of equal atoms.",
        "Forces and virial are derivatives of the energy, exact to 1e-8: radial integrals are tabulated.",
        "The energy is extensive: a sum over atoms, each of which sees no farther than the cutoff.",
    )

    repulsion: Repulsion | None = slot("model/repulsion", None)
    cutoff: float = 6.0
    width: float = 1.5
    smearing: float = 0.5
    radial: int = 5
    angular: int = 4
    zeta: int = 2
    points: int = 200
    resolution: float = 1e-8
    elements: list[str] = field(default_factory=list)
    energy_error: float = 0.001
    force_error: float = 0.02
    virial_error: float = 0.02

    def __post_init__(self) -> None:
        """Check the settings."""
        if not 0 < self.width < self.cutoff:
            raise ValueError(f"width={self.width} Å, cutoff={self.cutoff} Å: give 0 < width < cutoff")
        for name in ("smearing", "resolution", "energy_error", "force_error", "virial_error"):
            if not (value := getattr(self, name)) > 0:
                raise ValueError(f"{name}={value}: give a number above 0")
        for name, least in (("radial", 0), ("angular", 0), ("points", 1), ("zeta", 2)):
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{name}={value}: give {least} or more")
        unknown = [e for e in self.elements if e not in atomic_numbers]
        if unknown or len(set(self.elements)) < len(self.elements):
            raise ValueError(f"elements={list(self.elements)}: these are chemical symbols, each once, such as [Cu, Zn]")

    @property
    def soap(self) -> Soap:
        """What the power spectra depend on."""
        return Soap(self.cutoff, self.width, self.smearing, self.radial, self.angular)

    def check(self, x: Structures) -> None:
        """Refuse elements that the model is not set up for, and a repulsion that reaches beyond the cutoff."""
        if self.elements:
            species_of(x.numbers.values, self.elements)
        refuse_reach(self.repulsion, self.cutoff, elements_of(x, self.elements))

    def init(self, data: Learned, rng: Rng) -> State:
        """Return a state without points: all that it holds are the elements."""
        del rng  # there is one answer
        elements = elements_of(data.configurations, self.elements)
        refuse_reach(self.repulsion, self.cutoff, elements)
        return {"elements": elements}

    def train(self, state: State, data: Learned, rng: Rng) -> tuple[State, Metrics]:
        """Choose more inducing points where the data show what is new, and fit all labels at once."""
        del rng
        points = self._points(state, data.configurations)
        rest = self._rest(state, data)
        bias = self._bias(state, rest)
        prior = factor(kernel.kernel(points.unit, points.species, points.unit, points.species, self.zeta))
        found = triangle(self._rows(state, rest, points, bias), len(points.unit))
        signal, noise = most_likely(found, prior, 1.0 if _all_tell_their_errors(data.labels) else None)
        known = posterior(found, prior, signal, noise)
        learned = state | {"points": points._asdict(), "known": known._asdict(), "bias": bias}
        return learned, {"points": float(len(points.unit)), **self._metrics(learned, data)}

    def predictor(self, state: State) -> Potential:
        """Return the potential of a state that was trained."""
        if "known" not in state:
            raise ValueError("a Gaussian process that was not trained has no inducing points: train it first")
        arrays = {name: to_numpy(value) for name, value in state["points"].items()}
        weights, triangular, prior = (to_numpy(state["known"][name]) for name in ("weights", "triangle", "prior"))
        return Potential(
            elements=list(state["elements"]),
            soap=self.soap,
            zeta=self.zeta,
            points=Points(**arrays),
            known=Posterior(weights, triangular, prior, state["known"]["signal"], state["known"]["noise"]),
            bias=to_numpy(state["bias"]),
            repulsion=self.repulsion,
        )

    def _rest(self, state: State, data: Learned) -> Learned:
        """Return the data with what is left to be learned of the labels."""
        if self.repulsion is None:
            return data
        return replace(data, labels=less(self.repulsion, data.configurations, data.labels, state["elements"]))

    def _points(self, state: State, x: Structures) -> Points:
        units = [spectra(x[[k]], self.soap, state["elements"], derivatives=False) for k in range(len(x))]
        unit, species = (np.concatenate([getattr(f, name) for f in units]) for name in ("unit", "species"))
        begun = 0
        if "points" in state:
            old = Points(**{name: to_numpy(value) for name, value in state["points"].items()})
            begun = len(old.unit)
            unit, species = np.concatenate([old.unit, unit]), np.concatenate([old.species, species])
        chosen = inducing(unit, species, self.zeta, begun, max(self.points, begun), self.resolution)
        return Points(unit[chosen], species[chosen])

    def _bias(self, state: State, data: Learned) -> np.ndarray:
        """Return the energy of each element that explains the energies best, eV."""
        x, known = data.configurations, np.flatnonzero(data.labels.has("energy"))
        species = species_of(x.numbers.values, state["elements"])
        table = np.zeros((len(x), len(state["elements"])))
        np.add.at(table, (x.numbers.owner, species), 1.0)
        if not len(known):
            return np.zeros(table.shape[1])
        return np.linalg.lstsq(table[known], to_numpy(data.labels.values["energy"])[known], rcond=None)[0]

    def _rows(self, state: State, data: Learned, points: Points, bias: np.ndarray) -> Iterator[Rows]:
        """Yield the covariances of the labels with the points, and the labels, both over the errors allowed."""
        y, x = data.labels, data.configurations
        rows = np.flatnonzero(np.any([y.has(name) for name in ("energy", "forces", "virial")], axis=0))
        if not len(rows):
            raise ValueError("no structure has an energy, forces or a virial: there is nothing to learn")
        for k in rows:
            label, found = y[[k]], spectra(x[[k]], self.soap, state["elements"])
            atoms = max(1, len(found.unit))
            if label.has("energy")[0]:
                scale, baseline = _told_error(label, atoms * self.energy_error), bias[found.species].sum()
                energy = kernel.energy_rows(found, points, self.zeta, 1)
                yield energy / scale, (to_numpy(label.values["energy"]) - baseline) / scale
            if label.has("forces")[0]:
                forces = kernel.force_rows(found, points, self.zeta).reshape(3 * atoms, -1)
                yield forces / self.force_error, to_numpy(label.values["forces"].values).ravel() / self.force_error
            if label.has("virial")[0]:
                scale = atoms * self.virial_error
                virial = kernel.virial_rows(found, points, self.zeta, 1).reshape(9, -1)
                yield virial / scale, to_numpy(label.values["virial"]).ravel() / scale

    def _metrics(self, state: State, data: Learned) -> dict[str, float]:
        found, y = self.predictor(state).predict(data.configurations), data.labels
        metrics = {"signal_mev": 1000 * state["known"]["signal"] ** 0.5, "noise": state["known"]["noise"] ** 0.5}
        if (known := y.has("forces")).any():
            difference = found.values["forces"][known].values - to_numpy(y.values["forces"][known].values)
            metrics["training_force_rmse_mev_per_angstrom"] = 1000 * rmse(difference)
        if (known := y.has("energy")).any():
            difference = (found.values["energy"] - to_numpy(y.values["energy"]))[known]
            metrics["training_energy_rmse_mev_per_atom"] = 1000 * rmse(difference / data.configurations.counts[known])
        return metrics


def _told_error(label: Properties, otherwise: float) -> float:
    """Return the standard error that the energy of one label brings along, eV."""
    told = float(to_numpy(label.sigma["energy"])[0]) if "energy" in label.sigma else 0.0
    return told if np.isfinite(told) and told > 0 else otherwise


def _all_tell_their_errors(y: Properties) -> bool:
    """Return whether labels are nothing but energies with standard errors: then no noise is left to be found."""
    if "energy" not in y.sigma or y.has("forces").any() or y.has("virial").any():
        return False
    told = to_numpy(y.sigma["energy"])[y.has("energy")]
    return bool(len(told) and np.all(np.isfinite(told) & (told > 0)))
