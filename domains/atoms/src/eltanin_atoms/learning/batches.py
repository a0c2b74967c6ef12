"""Which structures are learned from in a step, and what is kept of them between steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

T = TypeVar("T")
AT_LEAST = 32  # atoms of a batch, if its size is left open
SAMPLE = 200  # structures that errors after a training are measured on


def draws(counts: np.ndarray, frames: int, atoms: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw batches without end: every structure once, in random order, before any comes again.

    counts: atoms of each structure.  frames: structures of a batch; if 0, as many as it takes to
    hold the given number of atoms.
    """
    batch: list[int] = []
    while True:
        for k in rng.permutation(len(counts)):
            batch.append(int(k))
            full = len(batch) >= frames if frames else counts[batch].sum() >= atoms
            if full or len(batch) >= len(counts):
                yield np.array(batch)
                batch = []


def sampled(structures: int, most: int) -> list[int]:
    """Return which structures to look at, at most so many, first to last."""
    return np.unique(np.linspace(0, structures - 1, min(structures, most)).astype(int)).tolist()


def remembered(make: Callable[[int], T], room: float) -> Callable[[int], T]:
    """Return `make`, that keeps what it made as far as there is room (bytes)."""
    kept: dict[int, T] = {}
    left = [room]

    def recall(k: int) -> T:
        if k in kept:
            return kept[k]
        made = make(k)
        if (size := bytes_of(made)) <= left[0]:
            kept[k] = made
            left[0] -= size
        return made

    return recall


def bytes_of(tree: Any) -> int:
    """Return how much memory the tensors of a tree take."""
    if isinstance(tree, Tensor):
        if tree.layout == torch.sparse_csr:
            return sum(map(bytes_of, (tree.values(), tree.col_indices(), tree.crow_indices())))
        return tree.numel() * tree.element_size()
    if is_dataclass(tree):
        return sum(bytes_of(getattr(tree, f.name)) for f in fields(tree))
    return sum(map(bytes_of, tree)) if isinstance(tree, tuple) else 0
