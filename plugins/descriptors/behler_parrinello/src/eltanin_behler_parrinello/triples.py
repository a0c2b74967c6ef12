"""Triples: every two neighbours of an atom, each two once."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def triples(centre: Int[Tensor, " pairs"], atoms: int) -> tuple[Int[Tensor, " triples"], Int[Tensor, " triples"]]:
    """Return the two pairs of every triple: of n pairs with one centre, n (n - 1) / 2 triples.

    A pair that is k-th at its centre meets the k that come before it.
    """
    pairs = torch.argsort(centre, stable=True)
    counts = torch.bincount(centre, minlength=atoms)
    begin = (counts.cumsum(0) - counts).repeat_interleave(counts)
    place = torch.arange(len(pairs), device=centre.device)
    before = place - begin
    first = place.repeat_interleave(before)
    begins = (before.cumsum(0) - before).repeat_interleave(before)
    second = begin.index_select(0, first) + torch.arange(len(first), device=centre.device) - begins
    return pairs.index_select(0, first), pairs.index_select(0, second)
