"""A first layer that is drawn for the features it will read, of whatever size they are.

    W = W'/w,  b = b' - m W,    so that  x W + b = ((x - m)/w) W' + b'

W' and b' are drawn as ever. For each species of centre, m is the mean of a feature over the first data,
and w its range there or |m|, whichever is larger: in a crystal that hardly moves, ranges alone would
make rough nets. Features that a descriptor learns come in sizes that differ a hundredfold; read as they
are, they hardly move a net at first. The net stays an ordinary one: all that is known of m and w
afterwards is in W and b.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from eltanin_atoms.nets import Tensors
from eltanin_atoms.scaling import scales

SAMPLE = 32  # structures that are enough to know a range


def attuned(nets: Sequence[Tensors], parts: Iterable[tuple[Tensor, Tensor]], size: int) -> list[Tensors]:
    """Return nets for the features (atoms, size) of atoms of species (atoms,); a net for each species."""
    found = scales(parts, len(nets), size, smallest=0.0)
    width = torch.maximum(found["range"], found["mean"].abs())
    width = width.where(width > 0, 1.0)
    return [moved(net, m, w) for net, m, w in zip(nets, found["mean"], width, strict=True)]


def moved(net: Tensors, mean: Tensor, width: Tensor) -> Tensors:
    """Return the net that reads x as this one reads (x - mean) / width; a residual of x itself stays."""
    weight = net["weight_0"] / width[:, None]
    return net | {"weight_0": weight, "bias_0": net["bias_0"] - mean @ weight}
