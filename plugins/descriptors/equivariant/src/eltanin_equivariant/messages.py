"""A layer of messages: what atoms make of their neighbours, and of that.

    R_p(r_ij)  = net(b(r_ij))_p                                 a number for each channel k and path p
    A_i,l3     = W_l3 Σ_j R_p(r_ij) Σ_{m1 m2} C Y_l1(r_ij) (V_l2 h_j,l2) / N     paths p = (l1, l2, l3)
    m_i,L      = Σ_η w_{z_i,η} B_{η,L}(A_i)                     products of up to ν components of A_i
    h'_i,L     = M_L m_i,L + K_{z_i,L} h_i,L                    K: what is kept, by species of the atom

W, V, M, K mix channels, never components: so h turns as its degree says. The net has no bias, so that
R vanishes with b at the cutoff. The architecture is MACE's (I. Batatia, D. P. Kovács, G. N. C. Simm,
C. Ortner, G. Csányi, MACE: higher order equivariant message passing neural networks (2022), eqs. 7 to 11).
Tensors are a list of (atoms, 2l + 1, channels), one for each degree l.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from eltanin_atoms.nets import Tensors
from eltanin_equivariant.couplings import Path, block, coupled, paths
from eltanin_equivariant.symmetric import contract, orders

SILU = 1.6767  # makes the mean square of silu(x) 1, for x of variance 1


class Shape(NamedTuple):
    """What the forms of all arrays follow from, beside the parameters.

    degree: of harmonics and of A.  hidden: of h.  correlation: factors of a product.  layers: how
    many.  hops: layers of the radial nets.  neighbours: N.
    """

    degree: int
    hidden: int
    correlation: int
    layers: int
    hops: int
    neighbours: float

    def sent(self, layer: int) -> int:
        """Return up to which degree atoms send: at first they know of no direction."""
        return self.hidden if layer else 0

    def made(self, layer: int) -> int:
        """Return up to which degree a layer makes tensors: only scalars go on after the last."""
        return self.hidden if layer + 1 < self.layers else 0

    def paths(self, layer: int) -> list[Path]:
        """Return the paths of a layer's messages."""
        return paths(self.degree, self.sent(layer))


class Neighbours(NamedTuple):
    """Neighbours of every atom in places of their own, empty ones all zero.

    species: (atoms,).  atom: (atoms, n).  y: (atoms, n, all) harmonics.  b: (atoms, n, functions).
    """

    species: Int[Tensor, " atoms"]
    atom: Int[Tensor, "atoms n"]
    y: Float[Tensor, "atoms n all"]
    b: Float[Tensor, "atoms n functions"]


def told(parameters: Tensors, seen: Neighbours, shape: Shape) -> list[list[Tensor]]:
    """Return the tensors that each layer makes."""
    h, found = [parameters["species"].index_select(0, seen.species)[:, None]], []
    for layer in range(shape.layers):
        prefix = f"{layer}_"
        mine = {name.removeprefix(prefix): p for name, p in parameters.items() if name.startswith(prefix)}
        h = updated(mine, h, seen.species, densities(mine, h, seen, shape, layer), shape, layer)
        found.append(h)
    return found


def radial(parameters: Tensors, b: Float[Tensor, "*pairs functions"], layers: int) -> Float[Tensor, "*pairs numbers"]:
    """Return R of every path and channel."""
    for k in range(layers):
        b = torch.nn.functional.silu(b @ (parameters[f"radial_{k}"] * (SILU if k else 1.0)))
    return b @ (parameters["radial_out"] * (SILU if layers else 1.0))


def densities(
    parameters: Tensors, h: Sequence[Tensor], seen: Neighbours, shape: Shape, layer: int
) -> list[Float[Tensor, "atoms _ channels"]]:
    """Return A: what neighbours tell an atom, summed."""
    ways = shape.paths(layer)
    numbers = radial(parameters, seen.b, shape.hops).chunk(len(ways), dim=-1)
    sent = [
        (x @ parameters[f"sent_{k}"]).index_select(0, seen.atom.flatten()).view(*seen.atom.shape, 2 * k + 1, -1)
        for k, x in enumerate(h)
    ]
    made: list[list[Tensor]] = [[] for _ in range(shape.degree + 1)]
    for way, r in zip(ways, numbers, strict=True):
        ahead = coupled(seen.y, way) if way.sent else seen.y[..., block(way.edge), None]
        told = (sent[way.sent] * r[:, :, None]).flatten(1, 2)
        made[way.made].append(ahead.transpose(1, 2).flatten(2) @ told)
    return [torch.cat(parts, dim=2) @ parameters[f"made_{k}"] / shape.neighbours for k, parts in enumerate(made)]


def updated(
    parameters: Tensors, h: Sequence[Tensor], species: Tensor, a: Sequence[Tensor], shape: Shape, layer: int
) -> list[Float[Tensor, "atoms _ channels"]]:
    """Return h': products of A, and what is kept of h."""
    atoms, _, channels = a[0].shape
    made = shape.made(layer)
    rows = torch.cat(list(a), dim=1).transpose(0, 1).reshape(-1, atoms * channels)
    weights = parameters["product"].index_select(1, species).flatten(1)
    known = orders(shape.degree, shape.correlation, made, rows.dtype, rows.device)
    found = []
    for k, m in enumerate(contract(rows, weights, known)):
        new = m.view(-1, atoms, channels).transpose(0, 1) @ parameters[f"update_{k}"]
        kept = parameters.get(f"kept_{k}")
        found.append(new if kept is None else new + h[k] @ kept.index_select(0, species))
    return found
