"""The forward Laplacian: every rule against the Hessian that torch makes of the same function."""

import pytest
import torch

from eltanin_walkers import laplacian as lap

GENERATOR = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


X = normal(5, 4, 3)
WIDE = normal(3, 6)
MATRIX = normal(12, 2 * 16)
ATTENTION = normal(3, 6, 6)
GROUPS = torch.tensor([[0.5, 0.0], [0.5, 0.0], [0.0, 0.5], [0.0, 0.5]], dtype=torch.float64)
FIRST, SECOND = torch.triu_indices(4, 4, 1)


def hidden(x):
    return lap.tanh(lap.dense(x, WIDE, WIDE[0]))


def matrices(x):
    flat = lap.linear(lambda t: t.flatten(-2), x)
    return lap.linear(lambda t: t.unflatten(-1, (2, 4, 4)), lap.tanh(lap.dense(flat, 0.4 * MATRIX)) + MATRIX[0])


def determinants(x):
    sign, log = lap.slogdet(matrices(x))
    _, total = lap.signed_logsumexp(torch.tensor([1.0, 0.3], dtype=torch.float64) * sign, log)
    return total


def attended(x):
    h = hidden(x)
    q, k, v = (lap.dense(h, w) for w in ATTENTION)
    return lap.sum_last(lap.attention(q, k, v) * h, 2)


def smooth_pairs(x):
    h = lap.relative(x)
    h = lap.sqrt(lap.linear(lambda t: t[..., None], lap.square_norm(h)) + torch.ones(())) * lap.tanh(lap.dense(h, WIDE))
    joined = lap.concatenate([lap.spread_sums(h, GROUPS), lap.spread(hidden(lap.own(x)))])
    return lap.sum_last(lap.tanh(joined) * joined, 2)


def jastrow(x):
    r = lap.norm(lap.pairs(x, FIRST, SECOND))
    return lap.total_of_pairs(lap.power(r + torch.ones(()), -1.0) * r, FIRST, SECOND, 4)


def sums_of_pairs(x):
    r = lap.separations(x, FIRST, SECOND, lambda t: t - 6 * (t / 6).round())
    h = lap.spread_pairs(lap.tanh(lap.dense(lap.linear(lambda t: t[..., None], r), WIDE[:1])), FIRST, SECOND, 4)
    return lap.sum_last(lap.tanh(lap.dense(h, ATTENTION[0])) * h, 2)


def nuclear(x):
    r = lap.norm(lap.own(x) - torch.ones(3))
    return lap.total_of_own(-r) * lap.total_of_own(lap.exp(-r))


RULES = {
    "tanh": lambda x: lap.sum_last(hidden(x), 2),
    "exp": lambda x: lap.sum_last(lap.exp(x), 2),
    "log": lambda x: lap.sum_last(lap.log(x * x + torch.ones(())), 2),
    "sin": lambda x: lap.sum_last(lap.sin(x), 2),
    "power": lambda x: lap.sum_last(lap.power(x * x + torch.ones(()), -2.5), 2),
    "product": lambda x: lap.sum_last(x * (x * x), 2),
    "norm": lambda x: lap.sum_last(lap.norm(hidden(x)), 1),
    "softmax": lambda x: lap.sum_last(lap.softmax(x) * x, 2),
    "matmul": lambda x: lap.sum_last(lap.matmul(hidden(x), lap.linear(lambda t: t.mT, hidden(x))), 2),
    "determinants": determinants,
    "attention": attended,
    "pairs": smooth_pairs,
    "jastrow": jastrow,
    "sums_of_pairs": sums_of_pairs,
    "own": nuclear,
}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_agrees_with_the_hessian(name):
    def log_psi(x):
        return torch.ones(()), RULES[name](x)

    found = lap.derivatives(log_psi, X, chunk=2)
    expected = lap.derivatives(log_psi, X, chunk=5, method=lap.by_hessian)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12 * float(other.abs().max()))
    assert float(found.laplacian.abs().min()) > 1e-6


def test_the_hessian_is_torchs_own():
    def log_psi(x):
        return torch.ones(()), determinants(x)

    found = lap.derivatives(log_psi, X[:1], method=lap.by_hessian)
    hessian = torch.autograd.functional.hessian(lambda r: determinants(r)[0], X[:1]).reshape(12, 12)
    torch.testing.assert_close(found.laplacian[0], hessian.trace(), rtol=1e-12, atol=1e-12)


def test_laplacians_that_are_known():
    def gaussian(x):
        return torch.ones(()), lap.sum_last(x * x, 2) * -0.35

    found = lap.derivatives(gaussian, X)
    torch.testing.assert_close(found.laplacian, torch.full((5,), -0.7 * 12, dtype=torch.float64), rtol=1e-14, atol=0)
    torch.testing.assert_close(found.gradient, -0.7 * X, rtol=1e-14, atol=0)

    def slater(x):
        return torch.ones(()), -lap.total_of_own(lap.norm(lap.own(x)))

    r = X.norm(dim=-1)  # the Laplacian of r is 2 / r
    torch.testing.assert_close(lap.derivatives(slater, X).laplacian, -(2 / r).sum(-1), rtol=1e-13, atol=0)


def test_a_net_of_other_functions_is_refused():
    with pytest.raises(TypeError, match="rules of this package"):
        lap.forward(lambda x: (torch.ones(()), x.value.sum((1, 2))), X)
    with pytest.raises(TypeError, match="same coordinates"):
        lap.matmul(lap.carry(X), X.mT)
