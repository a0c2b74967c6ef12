"""The loss, and how its weights go with the learning rate.

L = p_e c ΔE² / N + p_f Σ|ΔF|² / 3N + p_v ΣΔΞ² / 9N,  mean over the structures that have the label
c = (1/σ²) / <1/σ²> where energies have standard errors σ, and 1 elsewhere
p(t) = p_1 + (p_0 - p_1) lr(t) / lr_0
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from eltanin.batch import Properties, to_numpy

ENERGY, FORCES = 0, 1
Three = tuple[Tensor, Tensor, Tensor]  # of energies, forces, virials


class Labels(NamedTuple):
    """Labels of a batch, and the weight of each in the loss, both 0 where there is none.

    values: energies without the bias, (structures,) eV; forces, (atoms, 3) eV/Å; virials,
    (structures, 3, 3) eV.  weights: 1/N (structures,), 1/3N (atoms, 1), 1/9N (structures, 1, 1).
    known: structures that have each.  certainty: c of each energy, (structures,).
    """

    values: Three
    weights: Three
    known: tuple[int, int, int]
    certainty: Tensor

    def to(self, dtype: torch.dtype, device: torch.device) -> Labels:
        """Move to a device; all but energies are rounded to the precision of the nets."""

        def moved(columns: Three) -> Three:
            energy, forces, virial = columns
            return energy.to(device), forces.to(device, dtype), virial.to(device, dtype)

        return Labels(moved(self.values), moved(self.weights), self.known, self.certainty.to(device))

    @classmethod
    def joined(cls, parts: Sequence[Labels]) -> Labels:
        """Join the labels of several batches."""
        if len(parts) == 1:
            return parts[0]
        *three, certainty = zip(*parts, strict=True)
        values, weights, known = (list(zip(*column, strict=True)) for column in three)
        e, f, v = map(torch.cat, values)
        per_e, per_f, per_v = map(torch.cat, weights)
        n_e, n_f, n_v = map(sum, known)
        return cls((e, f, v), (per_e, per_f, per_v), (n_e, n_f, n_v), torch.cat(certainty))


class Errors(NamedTuple):
    """How far predictions are from labels, in order of energy, forces, virial (if there is one).

    slopes: derivative of the loss by each prediction.  squares: mean squares of the errors of the
    energy per atom, of a force component, of a virial component per atom, summed over structures.
    known: how many structures these are.
    """

    slopes: list[Tensor]
    squares: Tensor
    known: np.ndarray


def certainties(y: Properties) -> np.ndarray:
    """Return (1/σ²) / <1/σ²> of the energies, (n,); one without σ is as certain as the most certain other."""
    known = y.has("energy")
    errors = to_numpy(y.sigma["energy"]) if "energy" in y.sigma else np.full(len(known), np.nan)
    noisy = known & np.isfinite(errors) & (errors > 0)
    if not noisy.any():
        return np.ones(len(known))
    inverse = np.full(len(known), errors[noisy].min()) ** -2.0
    inverse[noisy] = errors[noisy] ** -2.0
    return inverse / inverse[known].mean()


def prefactor(span: tuple[float, float], fraction: float) -> float:
    """Return p(t) between p_0 and p_1; off unless both are given. fraction: lr(t) / lr_0."""
    first, last = span
    return last + (first - last) * fraction if first and last else 0.0


def errors(predicted: Sequence[Tensor], labels: Labels, prefactors: Sequence[float] = (0, 0, 0)) -> Errors:
    """Compare energies, forces, and virials if they are given, with labels."""
    slopes, squares = [], []
    columns = zip(predicted, labels.values, labels.weights, labels.known, prefactors, strict=False)
    for k, (values, label, weight, known, factor) in enumerate(columns):
        off = values.detach() - label
        weighted = weight * off
        certain = labels.certainty if k == ENERGY else 1.0
        slopes.append(certain * weighted * (2 * factor / max(1, known)))
        # What is squared is an energy or a virial per atom, but a force as it is.
        square = weighted * off if k == FORCES else weighted * weighted
        squares.append(square.sum(dtype=torch.float64))
    return Errors(slopes, torch.stack(squares), np.array(labels.known[: len(squares)]))


def rmse(found: Sequence[Errors]) -> dict[str, float]:
    """Return root mean square errors over batches."""
    squares = torch.stack([f.squares for f in found]).sum(0)
    known = np.sum([f.known for f in found], axis=0)
    names = ("energy_rmse_mev_per_atom", "force_rmse_mev_per_angstrom", "virial_rmse_mev_per_atom")
    # The nine components of a virial are weighted by 1/9N, and squared that is 1/81N².
    rows = zip(names, squares.tolist(), known.tolist(), (1, 1, 9), strict=False)
    return {name: 1000 * (factor * square / n) ** 0.5 for name, square, n, factor in rows if n}
