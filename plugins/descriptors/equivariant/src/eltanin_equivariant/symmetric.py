"""Symmetric contraction: every product of up to ν components of one tensor that turns as a tensor.

    B_{η,LM}(A) = Σ_{a <= b <= ...} U_{η,LM,ab...} A_a A_b ...        a = (l, m), up to ν factors

A basis of these polynomials, up to a linear change MACE's (I. Batatia, D. P. Kovács, G. N. C. Simm,
C. Ortner, G. Csányi, MACE (2022), eq. 10). Coupling one factor after the other in all ways makes more
polynomials than are independent, as A commutes with itself; Gram and Schmidt leave a basis, the same
on every machine. Polynomials are orthogonal as symmetric tensors are, and as long as makes the variance
of each about 1 where components of A have variance 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from eltanin_equivariant.couplings import block, coupling

Monomial = tuple[int, ...]
Degrees = tuple[int, ...]
Polynomial = np.ndarray  # (2L + 1, monomials)
DEPENDENT = 1e-8  # what rounding leaves of a polynomial that others make up


class Order(NamedTuple):
    """Products of ν components, and what they make.

    parent, factor: (monomials,) a product of ν - 1 and the component it is multiplied by.
    matrix: (components, monomials) U, for each degree L in turn, polynomial by polynomial.
    paths: polynomials of each degree.
    """

    parent: Tensor
    factor: Tensor
    matrix: Tensor
    paths: list[int]


def contract(
    a: Float[Tensor, "all rows"], weights: Float[Tensor, "paths rows"], orders: Sequence[Order]
) -> list[Float[Tensor, "_ rows"]]:
    """Return Σ_η w_η B_η of each degree, (2L + 1, rows); paths in order of ν, then of L."""
    terms: list[list[Tensor]] = [[] for _ in orders[0].paths]
    shares = iter(weights.split([n for order in orders for n in order.paths]))
    products = a
    for k, order in enumerate(orders):
        if k:
            products = products.index_select(0, order.parent) * a.index_select(0, order.factor)
        widths = [n * (2 * degree + 1) for degree, n in enumerate(order.paths)]
        made = (order.matrix @ products).split(widths)
        for degree, (n, part) in enumerate(zip(order.paths, made, strict=True)):
            terms[degree].append((part.unflatten(0, (n, 2 * degree + 1)) * next(shares)[:, None]).sum(0))
    return [torch.stack(parts).sum(0) for parts in terms]


@cache
def orders(degree: int, correlation: int, made: int, dtype: torch.dtype, device: torch.device) -> list[Order]:
    """Return the contraction of A up to a degree, with so many factors, to tensors up to degree `made`."""
    found = []
    for nu in range(1, correlation + 1):
        polynomials = [basis(degree, nu, k) for k in range(made + 1)]
        every = monomials(degree, nu)
        parents = monomials(degree, nu - 1)
        matrix = np.concatenate([p for each in polynomials for p in each])
        found.append(
            Order(
                parent=torch.tensor([parents[m[:-1]] for m in every], device=device),
                factor=torch.tensor([m[-1] for m in every], device=device),
                matrix=torch.from_numpy(matrix).to(device, dtype),
                paths=[len(each) for each in polynomials],
            )
        )
    return found


def paths(degree: int, correlation: int, made: int) -> int:
    """Return how many polynomials there are, of all degrees up to `made` and numbers of factors."""
    return sum(len(basis(degree, nu, k)) for nu in range(1, correlation + 1) for k in range(made + 1))


@cache
def monomials(degree: int, factors: int) -> dict[Monomial, int]:
    """Number all products of components, each a sorted tuple of components."""
    every = combinations_with_replacement(range((degree + 1) ** 2), factors)
    return {m: k for k, m in enumerate(every)}


@cache
def basis(degree: int, factors: int, made: int) -> list[Polynomial]:
    """Return a basis of the polynomials that turn as a tensor of degree `made` and have its parity."""
    kinds = combinations_with_replacement(range(degree + 1), factors)
    return [p for kind in kinds if (sum(kind) + made) % 2 == 0 for p in _of(kind, made, degree)]


@cache
def _of(kind: Degrees, made: int, degree: int) -> list[Polynomial]:
    """Return a basis of those with factors of the given degrees, in ascending order."""
    if len(kind) == 1:
        return [np.eye((degree + 1) ** 2)[block(made)]] if kind[0] == made else []
    *before, last = kind
    found: list[Polynomial] = []
    for middle in range(abs(made - last), min(made + last, sum(before)) + 1):
        for p in _of(tuple(before), middle, degree):
            q = _times(p, last, coupling(middle, last, made).numpy(), degree, len(kind))
            _extend(found, q, _lengths(degree, len(kind)))
    return found


def _times(p: Polynomial, last: int, c: np.ndarray, degree: int, factors: int) -> Polynomial:
    """Return the coupling of a polynomial with the components of degree `last`."""
    every, before = monomials(degree, factors), monomials(degree, factors - 1)
    product = np.zeros((p.shape[0], 2 * last + 1, len(every)))
    for m, a in enumerate(range(*block(last).indices((degree + 1) ** 2))):
        product[:, m, [every[tuple(sorted((*b, a)))] for b in before]] = p
    return np.einsum("xmp,xmy->yp", product, c)


def _extend(found: list[Polynomial], q: Polynomial, lengths: np.ndarray) -> None:
    """Add what is new in q to an orthogonal basis, if anything is."""
    for _ in range(2):  # twice is enough
        for p in found:
            q = q - (p * q * lengths).sum() / (p**2 * lengths).sum() * p
    left = (q**2 * lengths).sum() ** 0.5
    if left > DEPENDENT:
        found.append(q * (len(q) ** 0.5 / left))


@cache
def _lengths(degree: int, factors: int) -> np.ndarray:
    """Return the square of each monomial: its variance, if powers of one variable were Hermite's."""
    counts = (Counter(m).values() for m in monomials(degree, factors))
    return np.array([prod(map(factorial, n)) for n in counts], dtype=float)
