"""Moments of a neighbourhood and their contractions.

    ξ = (2r - r_min - r_c) / (r_c - r_min),    f_μ(r) = T_μ(ξ) (1 - r/r_c)³,    0 from r_c on
    M_{μ,ν,t}(i) = Σ_{j of species t} f_μ(r_ij) r̂_ij^{⊗ν}

T_μ are Chebyshev polynomials. A tensor r̂^{⊗ν} is symmetric, so only its (ν + 1)(ν + 2)/2 monomials
x^a y^b z^c are kept: the *elements*, for each ν and μ in turn. A contraction looks them up.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby, product
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_atoms.graphs import Graph
from eltanin_moment_tensor.contractions import Scalar
from eltanin_moment_tensor.contractions import basis as contractions


class Layout(NamedTuple):
    """Where things are: made from a basis once.

    powers: (elements, 3) of x, y, z.  radial: (elements,) μ.
    terms: for each graph an einsum and, for each node, (contractions, 3, …, 3) places of its tensors.
    products: (functions, factors) places of scalars, with the number of scalars for "none".
    """

    powers: Tensor
    radial: Tensor
    terms: tuple[tuple[str, tuple[Tensor, ...]], ...]
    products: Tensor
    species: int


@lru_cache
def layout(highest: int, radial: int, species: int) -> Layout:
    """Lay out the elements of the moments that a basis needs, and look up its contractions there."""
    basis = contractions(highest, radial, species)
    needed = [(v, mu) for s in basis.scalars for v, (mu, _) in zip(s.graph.orders, s.channels, strict=True)]
    moments = sorted(set(needed))
    elements = [(*monomial, mu) for v, mu in moments for monomial in monomials(v)]
    place = {key: k for k, key in enumerate(elements)}
    most = max(map(len, basis.products))
    products = [[*p, *[len(basis.scalars)] * (most - len(p))] for p in basis.products]
    table = np.array(elements)
    by_graph = [list(group) for _, group in groupby(basis.scalars, key=lambda s: s.graph)]
    return Layout(
        powers=torch.from_numpy(table[:, :3].copy()),
        radial=torch.from_numpy(table[:, 3].copy()),
        terms=tuple(_term(scalars, place) for scalars in by_graph),
        products=torch.tensor(products),
        species=species,
    )


def monomials(order: int) -> list[tuple[int, int, int]]:
    """Return the powers (a, b, c) of x, y, z with a + b + c = ν."""
    return [(a, b, order - a - b) for a in range(order, -1, -1) for b in range(order - a, -1, -1)]


def _term(scalars: list[Scalar], place: dict[tuple[int, ...], int]) -> tuple[str, tuple[Tensor, ...]]:
    graph = scalars[0].graph
    ends = ["".join(ascii_lowercase[k] for k, bond in enumerate(graph.bonds) if node in bond)
            for node in range(len(graph.orders))]  # fmt: skip
    nodes = [
        _places(order, [s.channels[node] for s in scalars], place, len(place))
        for node, order in enumerate(graph.orders)
    ]
    return ",".join(f"YZ{indices}" for indices in ends) + "->YZ", tuple(nodes)


def _places(order: int, channels: list[tuple[int, int]], place: dict[tuple[int, ...], int], elements: int) -> Tensor:
    """Return where the full tensors of some channels stand among (species · elements)."""
    axes = list(product(range(3), repeat=order))
    rows = [
        [kind * elements + place[(i.count(0), i.count(1), i.count(2), mu)] for i in axes] for mu, kind in channels
    ]  # fmt: skip
    return torch.tensor(rows).reshape(len(channels), *[3] * order)


def elements(
    vector: Float[Tensor, "pairs 3"], shape: Layout, closest: float, cutoff: float
) -> Float[Tensor, "pairs elements"]:
    """Return f_μ(r) x^a y^b z^c of each pair, with x, y, z on the unit sphere."""
    r = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    f, _ = radial_functions(r, int(shape.radial.max()) + 1, closest, cutoff)
    x, y, z = _powers(vector / r, shape)
    return f[:, shape.radial] * x * y * z


def element_slopes(
    vector: Float[Tensor, "pairs 3"], shape: Layout, closest: float, cutoff: float
) -> Float[Tensor, "pairs 3 elements"]:
    """Return the gradient of the elements, f' m r̂ + f (∇m - ν m r̂)/r with m = x^a y^b z^c at r̂."""
    r = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    f, df = (t[:, shape.radial] for t in radial_functions(r, int(shape.radial.max()) + 1, closest, cutoff))
    unit = vector / r
    x, y, z = _powers(unit, shape)
    lower = _powers(unit, shape, less=1)
    dx, dy, dz = (shape.powers[:, k] * lower[k] for k in range(3))
    gradient = torch.stack([dx * y * z, x * dy * z, x * y * dz], dim=1)
    outward = df - f * shape.powers.sum(dim=1) / r
    return gradient * (f / r)[:, None] + unit[:, :, None] * (outward * x * y * z)[:, None]


def _powers(unit: Tensor, shape: Layout, less: int = 0) -> tuple[Tensor, ...]:
    """Return x^a, y^b and z^c, (pairs, elements) each, with powers that are `less`, but not below 0."""
    table = torch.stack([unit**k for k in range(int(shape.powers.max()) + 1)], dim=1)
    return tuple(table[:, torch.clamp(shape.powers[:, k] - less, min=0), k] for k in range(3))


def radial_functions(
    r: Float[Tensor, "pairs 1"], count: int, closest: float, cutoff: float
) -> tuple[Float[Tensor, "pairs count"], Float[Tensor, "pairs count"]]:
    """Return f_μ(r) = T_μ(ξ) (1 - r/r_c)³ for μ below `count`, and its slope."""
    xi, turn = (2 * r - closest - cutoff) / (cutoff - closest), 2 / (cutoff - closest)
    rows, slope = [torch.ones_like(xi), xi], [torch.zeros_like(xi), torch.ones_like(xi)]
    for _ in range(count - 2):
        rows.append(2 * xi * rows[-1] - rows[-2])
        slope.append(2 * rows[-2] + 2 * xi * slope[-1] - slope[-2])
    t, dt = torch.cat(rows[:count], dim=1), torch.cat(slope[:count], dim=1) * turn
    fade = torch.clamp(1 - r / cutoff, min=0.0)
    return t * fade**3, dt * fade**3 - t * fade**2 * (3 / cutoff)


def moments(pair: Float[Tensor, "pairs elements"], graph: Graph, shape: Layout) -> Float[Tensor, "atoms all"]:
    """Sum the elements over the neighbours of each atom, those of each species apart."""
    place = graph.centre * shape.species + graph.species[graph.neighbour]
    total = pair.new_zeros(len(graph.species) * shape.species, pair.shape[1])
    return total.index_add(0, place, pair).reshape(len(graph.species), -1)


def contracted(moment: Float[Tensor, "atoms all"], shape: Layout) -> Float[Tensor, "atoms functions"]:
    """Return the basis functions b(i) of atoms from their moments, a constant 1 first."""
    one = torch.ones_like(moment[:, :1])
    first, *others = _scalars(moment, shape)[:, shape.products].unbind(2)
    for factor in others:
        first = first * factor
    return torch.cat([one, first], dim=1)


def slopes(moment: Float[Tensor, "atoms all"], shape: Layout) -> Float[Tensor, "atoms functions all"]:
    """Return db/dM: by each node of a contraction, what its other nodes leave; by each factor, the others."""
    scalars = _scalars(moment, shape)
    atoms, number = scalars.shape
    by_moment = moment.new_zeros(atoms, number, moment.shape[1])
    done = 0
    for equation, nodes in shape.terms:
        some = by_moment[:, done : done + len(nodes[0])]
        for node, places in enumerate(nodes):
            left = _without(equation, nodes, node, moment)
            index = places.reshape(len(places), -1).expand(atoms, -1, -1)
            some.scatter_add_(2, index, left.reshape(index.shape))
        done += len(nodes[0])
    factors = scalars[:, shape.products]
    by_scalar = moment.new_zeros(atoms, 1 + len(shape.products), number)
    for k in range(shape.products.shape[1]):
        others = torch.cat([factors[:, :, :k], factors[:, :, k + 1 :]], dim=2).prod(dim=2)
        by_scalar[:, 1:].scatter_add_(2, shape.products[:, k, None].expand(atoms, -1, 1), others[..., None])
    return by_scalar @ by_moment


def _scalars(moment: Tensor, shape: Layout) -> Tensor:
    """Return the connected contractions of each atom, and a 1 behind them."""
    parts = [torch.einsum(equation, *(moment[:, p] for p in nodes)) for equation, nodes in shape.terms]
    return torch.cat([*parts, torch.ones_like(moment[:, :1])], dim=1)


def _without(equation: str, nodes: tuple[Tensor, ...], node: int, moment: Tensor) -> Tensor:
    """Return what a contraction leaves where one of its nodes is taken out, (atoms, contractions, 3, …)."""
    inputs, _ = equation.split("->")
    mine, others = inputs.split(",")[node], [e for k, e in enumerate(inputs.split(",")) if k != node]
    if not others:
        return moment.new_ones(len(moment), len(nodes[node]))
    tensors = (moment[:, p] for k, p in enumerate(nodes) if k != node)
    return torch.einsum(",".join(others) + "->" + mine, *tensors)
