"""The sizes of what is learned and of what it is made of, so that nets begin with outputs near one.

    u = sqrt( <|T|²> / (k <N>) )      per component and per root of an atom, of the labels less their bias
    v_m = sqrt( <|V_im|²> / 3 ) · M^(1/2p)    of the vectors before any training, entering p times

With c of order one an atom's part, u Σ_m c_m (V_m / v_m)^p, is then of the order of u.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def label_scale(labels: np.ndarray, atoms: np.ndarray) -> float:
    """Return u from labels (n, *shape), in their unit, and numbers of atoms (n,); 1 of labels that are all zero."""
    if not labels.size:
        return 1.0
    return float(np.sqrt(np.mean(labels**2) / np.mean(atoms))) or 1.0


def vector_scale(parts: Iterable[Tensor], order: int) -> Float[Tensor, " m"]:
    """Return v, from the vectors (atoms, 3, M) of several graphs; 1 where there is no neighbour at all."""
    squares, count = torch.zeros(()), 0
    for vectors in parts:
        squares, count = squares + vectors.double().square().sum(dim=(0, 1)).cpu(), count + 3 * len(vectors)
    size = (squares / max(1, count)).sqrt()
    return torch.where(size > 0, size, 1.0) * len(size) ** (0.5 / order)
