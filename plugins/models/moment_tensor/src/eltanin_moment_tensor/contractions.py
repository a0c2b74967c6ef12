"""Which contractions of moment tensors make the basis (Shapeev, Multiscale Model. Simul. 14, 1153 (2016)).

A contraction of the moments M_{μ1,ν1}, M_{μ2,ν2}, … to a scalar is a graph: a node for each moment,
and between two nodes as many bonds as indices are summed over, so that ν bonds end at a node of order
ν. No bond joins a node with itself (a trace of M_{μ,ν} is a moment of order ν - 2). The basis is all
products of connected graphs up to a level,

    lev M_{μ,ν} = 2 + 4μ + ν,    lev of a product = Σ lev of its moments

each once, whatever the order of its nodes, of at most four moments (so does MLIP: an atom and four
neighbours make a term of the highest body order). With several species a moment also has the species of the
neighbours it sums over, which bears on no level.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement, groupby, permutations, product
from typing import NamedTuple

MOMENTS = 4  # in a product, at most
Channel = tuple[int, int]  # μ and the species of the neighbours
Bonds = tuple[tuple[int, int], ...]  # pairs of nodes, one for each index that is summed over


class Graph(NamedTuple):
    """Orders ν of the nodes, ascending, and the bonds between them."""

    orders: tuple[int, ...]
    bonds: Bonds


class Scalar(NamedTuple):
    """A connected contraction: a graph and the channel of each of its nodes."""

    graph: Graph
    channels: tuple[Channel, ...]


class Basis(NamedTuple):
    """Connected scalars, and the basis functions as products of them, each by places in `scalars`."""

    scalars: tuple[Scalar, ...]
    products: tuple[tuple[int, ...], ...]


def level(order: int, mu: int) -> int:
    """Return lev M_{μ,ν}."""
    return 2 + 4 * mu + order


@lru_cache
def basis(highest: int, radial: int, species: int) -> Basis:
    """Return all contractions up to a level, and at least `radial` pair functions M_{μ,0} for each species."""
    scalars = [s for graph in graphs(highest) for s in scalars_of(graph, highest, species)]
    levels = [sum(level(v, mu) for v, (mu, _) in zip(s.graph.orders, s.channels, strict=True)) for s in scalars]
    products = list(_products(levels, [len(s.channels) for s in scalars], highest, MOMENTS))
    pair = Graph((0,), ())
    more = (Scalar(pair, ((mu, kind),)) for mu in range(radial) for kind in range(species))
    for scalar in more:
        if scalar not in scalars:
            products.append((len(scalars),))
            scalars.append(scalar)
    return Basis(tuple(scalars), tuple(products))


def graphs(highest: int) -> list[Graph]:
    """Return the connected graphs that are below the level with μ = 0, each once."""
    found = [Graph((0,), ())] if level(0, 0) <= highest else []
    for nodes in range(2, MOMENTS + 1):
        for orders in combinations_with_replacement(range(1, highest), nodes):
            if sum(level(v, 0) for v in orders) <= highest:
                found += sorted({_canonical(orders, bonds) for bonds in _bonds(orders) if _connected(nodes, bonds)})
    return found


def scalars_of(graph: Graph, highest: int, species: int) -> list[Scalar]:
    """Return the contractions of a graph with all channels up to the level, each once."""
    spare = highest - sum(level(v, 0) for v in graph.orders)
    some = [(mu, kind) for mu in range(spare // 4 + 1) for kind in range(species)]
    same = [p for p in _renumberings(graph.orders) if _moved(graph.bonds, p) == graph.bonds]
    found = set[tuple[Channel, ...]]()
    for channels in product(some, repeat=len(graph.orders)):
        if 4 * sum(mu for mu, _ in channels) <= spare:
            found.add(min(tuple(channels[k] for k in p) for p in same))
    return [Scalar(graph, channels) for channels in sorted(found)]


def _bonds(left: tuple[int, ...], node: int = 0, other: int = 1) -> Iterator[Bonds]:
    """Yield every way to join nodes that have so many ends left, from a node on."""
    if node == len(left):
        yield ()
    elif other == len(left):
        if left[node] == 0:
            yield from _bonds(left, node + 1, node + 2)
    else:
        for n in range(min(left[node], left[other]) + 1):
            fewer = tuple(v - n if k in (node, other) else v for k, v in enumerate(left))
            for rest in _bonds(fewer, node, other + 1):
                yield ((node, other),) * n + rest


def _connected(nodes: int, bonds: Bonds) -> bool:
    reached = {0}
    for _ in range(nodes):
        reached |= {k for bond in bonds if reached & set(bond) for k in bond}
    return len(reached) == nodes


def _canonical(orders: tuple[int, ...], bonds: Bonds) -> Graph:
    return Graph(orders, min(_moved(bonds, p) for p in _renumberings(orders)))


def _renumberings(orders: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the permutations of the nodes that leave the orders, ascending, as they are."""
    groups = [[k for k, _ in group] for _, group in groupby(enumerate(orders), key=lambda pair: pair[1])]
    return [sum(choice, ()) for choice in product(*(list(permutations(g)) for g in groups))]


def _moved(bonds: Bonds, renumbered: tuple[int, ...]) -> Bonds:
    return tuple(sorted((min(a, b), max(a, b)) for a, b in ((renumbered[i], renumbered[j]) for i, j in bonds)))


def _products(
    levels: list[int], nodes: list[int], highest: int, most: int, first: int = 0
) -> Iterator[tuple[int, ...]]:
    """Yield products of scalars, by their places in ascending order, up to a level and a number of moments."""
    for k in range(first, len(levels)):
        if levels[k] <= highest and nodes[k] <= most:
            yield (k,)
            for rest in _products(levels, nodes, highest - levels[k], most - nodes[k], k):
                yield (k, *rest)
