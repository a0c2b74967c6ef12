"""Parameters to begin with: all normal, so that numbers keep a variance of about 1 through the layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from eltanin_atoms.nets import Tensors
from eltanin_equivariant.messages import Shape
from eltanin_equivariant.symmetric import paths


def initial(
    shape: Shape, species: int, channels: int, functions: int, widths: Sequence[int], rng: np.random.Generator
) -> Tensors:
    """Draw parameters, in float64: an embedding of the species, and those of each layer by its number.

    product: (paths, species, channels).  kept_l: (species, in, out).  Others: (in, out).
    """
    found = {"species": normal(rng, species, channels)}
    for layer in range(shape.layers):
        mine = _layer(shape, layer, species, channels, [functions, *widths], rng)
        found |= {f"{layer}_{name}": p for name, p in mine.items()}
    return found


def normal(rng: np.random.Generator, *form: int, scale: float = 1.0) -> torch.Tensor:
    """Draw an array of standard deviation `scale`."""
    return torch.from_numpy(rng.normal(0, scale, form))


def _layer(
    shape: Shape, layer: int, species: int, channels: int, widths: list[int], rng: np.random.Generator
) -> Tensors:
    ways, sent, made = shape.paths(layer), shape.sent(layer), shape.made(layer)
    found: Tensors = {f"radial_{k}": mixing(rng, n, m) for k, (n, m) in enumerate(pairwise(widths))}
    found["radial_out"] = mixing(rng, widths[-1], len(ways) * channels)
    found |= {f"sent_{k}": mixing(rng, channels, channels) for k in range(sent + 1)}
    meeting = Counter(way.made for way in ways)
    found |= {f"made_{k}": mixing(rng, n * channels, channels) for k, n in sorted(meeting.items())}
    products = paths(shape.degree, shape.correlation, made)
    found["product"] = normal(rng, products, species, channels, scale=products**-0.5)
    found |= {f"update_{k}": mixing(rng, channels, channels) for k in range(made + 1)}
    for k in range(min(sent, made) + 1):
        found[f"kept_{k}"] = normal(rng, species, channels, channels, scale=channels**-0.5)
    return found


def mixing(rng: np.random.Generator, n: int, m: int) -> torch.Tensor:
    """Draw what takes n numbers to m others and keeps their variance."""
    return normal(rng, n, m, scale=n**-0.5)
