"""Radial functions, couplings, symmetric contraction and messages, against formulas and other implementations."""

from __future__ import annotations

from itertools import permutations, product
from math import pi

import numpy as np
import pytest
import torch
from e3nn import o3
from torch import Tensor

from eltanin_equivariant.couplings import Path, block, coupling, harmonics, paths, slopes
from eltanin_equivariant.messages import SILU, Neighbours, Shape, densities
from eltanin_equivariant.parameters import initial
from eltanin_equivariant.radial import bessel, envelope
from eltanin_equivariant.symmetric import basis, contract, monomials, orders

CPU = torch.device("cpu")


def natural(degree: int) -> o3.Irreps:
    """Tensors up to a degree, with the parity of harmonics."""
    return o3.Irreps([(1, (d, (-1) ** d)) for d in range(degree + 1)])


def wigner(irreps: o3.Irreps, q: Tensor) -> Tensor:
    """Return e3nn's matrix of a rotation; its generators are no better than torch's default precision."""
    torch.set_default_dtype(torch.float64)
    try:
        return irreps.D_from_matrix(q)
    finally:
        torch.set_default_dtype(torch.float32)


def gaussian(*form: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=form))


def test_bessel_functions_are_those_of_the_paper_and_their_slopes_are_exact():
    r, p = torch.linspace(0.3, 5.2, 50).double().requires_grad_(), 5
    value, slope = bessel(r, 5.0, 6)
    x = r / 5.0
    f = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    for n in range(1, 7):
        expected = (2 / 5.0) ** 0.5 * torch.sin(n * pi * x) / r * torch.where(x < 1, f, 0.0)
        torch.testing.assert_close(value[:, n - 1], expected, rtol=1e-12, atol=1e-14)
        (steep,) = torch.autograd.grad(value[:, n - 1].sum(), r, retain_graph=True)
        torch.testing.assert_close(slope[:, n - 1], steep, rtol=1e-10, atol=1e-13)


def test_the_envelope_ends_with_two_derivatives_and_bessel_functions_with_three():
    f, df = envelope(torch.tensor([0.0, 1.0, 1.5]).double())
    assert f.tolist() == [1, 0, 0]
    assert df.tolist() == [0, 0, 0]
    far = [bessel(5.0 - torch.tensor([h]).double(), 5.0, 3)[0][0] for h in (2e-3, 1e-3)]
    torch.testing.assert_close(far[0] / far[1], torch.full((3,), 16.0).double(), rtol=1e-2, atol=0)


def test_slopes_of_harmonics_are_exact():
    x = gaussian(20, 3).requires_grad_()
    r = x.norm(dim=1)
    y = harmonics(x / r[:, None], 4)
    found = slopes((x / r[:, None]).detach(), y.detach(), 1 / r.detach(), 4)
    for k in range(25):
        expected = torch.autograd.grad(y[:, k].sum(), x, retain_graph=True)[0] if k else torch.zeros_like(x)
        torch.testing.assert_close(found[:, :, k], expected, rtol=1e-12, atol=1e-12)


def test_couplings_of_vectors_are_products_that_everybody_knows():
    a, b = gaussian(3, seed=1), gaussian(3, seed=2)
    dot, torque = (torch.einsum("a,b,abc->c", a, b, coupling(1, 1, d)) for d in (0, 1))
    assert abs(float(dot)) == pytest.approx(abs(float(a @ b)) / 3**0.5)
    expected = torch.linalg.cross(a, b) / 2**0.5
    torch.testing.assert_close(torque * torch.sign(torque @ expected), expected)


def test_paths_are_all_couplings_that_keep_parity():
    found = paths(2, 1)
    expected = {
        (0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 1, 1), (2, 1, 1), (2, 0, 2), (1, 1, 2)
    }  # fmt: skip
    assert set(found) == expected
    assert len(found) == len(expected)
    assert Path(1, 2, 3) in paths(3, 2)
    assert Path(1, 1, 1) not in paths(3, 2)


def multiplicity(degree: int, factors: int, made: int) -> float:
    """Return how often a tensor is in the symmetric power of others, from characters of O(3).

    The character of a symmetric power is the complete homogeneous polynomial of the eigenvalues, and
    Newton makes it of their power sums.
    """
    n, total = 200, 0.0
    angle = (np.arange(n) + 0.5) * pi / n
    for parity in (1, -1):  # rotations alone, and with the inversion
        sums = [
            sum(parity ** (k * d) * np.cos(m * k * angle) for d in range(degree + 1) for m in range(-d, d + 1))
            for k in range(1, factors + 1)
        ]
        complete = [np.ones(n)]
        for k in range(1, factors + 1):
            complete.append(sum(sums[j - 1] * complete[k - j] for j in range(1, k + 1)) / k)
        mine = parity**made * sum(np.cos(m * angle) for m in range(-made, made + 1))
        total += np.mean(complete[factors] * mine * (1 - np.cos(angle))) / 2
    return float(total)


@pytest.mark.parametrize(("degree", "factors"), [(1, 4), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3)])
def test_there_are_as_many_polynomials_as_characters_say(degree, factors):
    for made in range(3):
        assert len(basis(degree, factors, made)) == pytest.approx(multiplicity(degree, factors, made), abs=1e-9)


def evaluated(polynomials: list[np.ndarray], degree: int, factors: int, a: Tensor) -> np.ndarray:
    """Return (polynomials, 2L + 1, rows) by the definition, from components (all, rows)."""
    terms = np.array([np.prod(a.numpy()[list(m)], axis=0) for m in monomials(degree, factors)])
    return np.array([p @ terms for p in polynomials])


def test_products_of_two_are_the_powers_of_each_degree():
    a = gaussian(9, 50)
    found = evaluated(basis(2, 2, 0), 2, 2, a)[:, 0]
    expected = np.array([(a[block(d)] ** 2).sum(0) / (2 * (2 * d + 1)) ** 0.5 for d in range(3)])
    np.testing.assert_allclose(np.abs(found), expected, rtol=1e-12)


@pytest.mark.parametrize("made", [0, 1, 2])
def test_explicit_sums_over_couplings_of_three_are_all_in_the_basis(made):
    """A ⊗ A ⊗ A coupled by e3nn's 3j symbols in every way, and in every order of the factors."""
    a, columns = gaussian(9, 300), []
    for l1, l2, l3 in product(range(3), repeat=3):
        if (l1 + l2 + l3 + made) % 2:
            continue
        for middle in range(max(abs(l1 - l2), abs(made - l3)), min(l1 + l2, made + l3) + 1):
            first = o3.wigner_3j(l1, l2, middle, dtype=torch.float64)
            second = o3.wigner_3j(middle, l3, made, dtype=torch.float64)
            x, y, z = a[block(l1)], a[block(l2)], a[block(l3)]
            columns.append(torch.einsum("ijk,klm,in,jn,ln->mn", first, second, x, y, z).numpy().ravel())
    mine = evaluated(basis(2, 3, made), 2, 3, a).reshape(len(basis(2, 3, made)), -1).T
    theirs = np.array(columns).T
    assert np.linalg.matrix_rank(theirs, tol=1e-8) == mine.shape[1] < theirs.shape[1]
    for some, others in ((mine, theirs), (theirs, mine)):
        solution = np.linalg.lstsq(some, others, rcond=1e-10)[0]
        np.testing.assert_allclose(some @ solution, others, atol=1e-9 * np.abs(others).max())


def test_the_basis_spans_what_e3nn_reduces_products_to():
    """An implementation that knows nothing of couplings: it solves for what rotations leave."""
    irreps = natural(2)
    q = o3.ReducedTensorProducts("ijk=jik=kij", i=irreps, filter_ir_out=["0e"]).change_of_basis
    theirs = q.double().flatten(1).numpy()
    every = monomials(2, 3)
    mine = np.zeros((len(basis(2, 3, 0)), 9, 9, 9))
    for m, k in every.items():
        orders_of = set(permutations(m))
        for abc in orders_of:
            mine[(slice(None), *abc)] = [p[0, k] / len(orders_of) for p in basis(2, 3, 0)]
    mine = mine.reshape(len(mine), -1)
    assert len(theirs) == len(mine) == 5
    assert np.linalg.matrix_rank(np.concatenate([mine, theirs]), tol=1e-5) == 5


@pytest.mark.parametrize(("degree", "correlation"), [(2, 3), (3, 3), (2, 4)])
def test_the_contraction_turns_as_it_should(degree, correlation):
    known = orders(degree, correlation, 2, torch.float64, CPU)
    a, weights = gaussian((degree + 1) ** 2, 7), gaussian(sum(sum(o.paths) for o in known), 7, seed=1)
    q = -o3.rand_matrix(dtype=torch.float64)
    before, after = contract(a, weights, known), contract(wigner(natural(degree), q) @ a, weights, known)
    for d, (b, c) in enumerate(zip(before, after, strict=True)):
        turn = wigner(o3.Irreps([(1, (d, (-1) ** d))]), q)
        torch.testing.assert_close(c, turn @ b, rtol=1e-10, atol=1e-10 * float(b.abs().max()))


def test_the_contraction_is_the_sum_by_definition():
    known = orders(2, 3, 1, torch.float64, CPU)
    a, weights = gaussian(9, 4), gaussian(sum(sum(o.paths) for o in known), 4, seed=1)
    found = contract(a, weights, known)
    expected, at = [np.zeros((2 * d + 1, 4)) for d in range(2)], 0
    for factors, d in product((1, 2, 3), (0, 1)):
        values = evaluated(basis(2, factors, d), 2, factors, a)
        expected[d] += (values * weights.numpy()[at : at + len(values), None]).sum(0)
        at += len(values)
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


def test_polynomials_have_variance_one():
    a = gaussian(9, 400000, seed=3)
    for made in (0, 1):
        variance = evaluated(basis(2, 2, made), 2, 2, a).var(axis=(1, 2))
        np.testing.assert_allclose(variance, 1, rtol=0.02)


def test_messages_are_the_sum_over_pairs_one_by_one():
    shape = Shape(degree=2, hidden=1, correlation=2, layers=2, hops=1, neighbours=3.0)
    parameters = {
        name.removeprefix("1_"): p for name, p in initial(shape, 1, 3, 4, [5], np.random.default_rng(0)).items()
    }
    unit = gaussian(2, 3, 3) / gaussian(2, 3, 3).norm(dim=2, keepdim=True)
    y, b = harmonics(unit.view(-1, 3), 2).view(2, 3, 9), gaussian(2, 3, 4, seed=1)
    y[1, 2], b[1, 2] = 0, 0  # the second atom has two neighbours
    atom = torch.tensor([[1, 1, 0], [0, 0, 1]])
    h = [gaussian(2, 1, 3, seed=2), gaussian(2, 3, 3, seed=3)]
    found = densities(parameters, h, Neighbours(torch.zeros(2).long(), atom, y, b), shape, 1)
    ways, expected = shape.paths(1), [torch.zeros(2, 2 * d + 1, 3).double() for d in range(3)]
    for i, n in ((0, 3), (1, 2)):
        for j in range(n):
            hidden = b[i, j] @ parameters["radial_0"]
            r = (SILU * hidden / (1 + torch.exp(-hidden)) @ parameters["radial_out"]).view(len(ways), 3)
            seen = [0] * 3
            for k, way in enumerate(ways):
                sent = h[way.sent][atom[i, j]] @ parameters[f"sent_{way.sent}"]
                c = (2 * way.made + 1) ** 0.5 * o3.wigner_3j(*way, dtype=torch.float64)
                made = torch.einsum("abc,a,bk->ck", c, y[i, j, block(way.edge)], sent * r[k])
                at = seen[way.made]
                seen[way.made] += 1
                expected[way.made][i] += made @ parameters[f"made_{way.made}"][3 * at : 3 * at + 3] / 3.0
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
