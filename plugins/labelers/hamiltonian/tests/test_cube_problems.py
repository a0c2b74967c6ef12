"""Problems in a cube: sources whose solutions are known, by differences."""

import numpy as np
import pytest

from eltanin_hamiltonian.cube import FreeParticle, Poisson
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.systems.cube import Cube


@pytest.mark.parametrize(("dimensions", "waves"), [(1, 1), (2, 3), (5, 1)])
def test_source_is_minus_the_laplacian_of_the_solution(dimensions, waves):
    problem, h = Poisson(Cube(dimensions), waves), 1e-3
    x = Cube(dimensions).start(20, np.random.default_rng(0))
    e = h * np.eye(dimensions)[:, None, None]
    laplacian = sum(problem.solution(x + k) + problem.solution(x - k) - 2 * problem.solution(x) for k in e) / h**2
    np.testing.assert_allclose(problem.potential(x), -laplacian, rtol=1e-4, atol=1e-4)
    walls = x.copy()
    walls[:, 0, 0] = 1.0
    np.testing.assert_allclose(problem.solution(walls), 0, atol=1e-14)


def test_least_integral_is_that_of_the_solution():
    problem, x = Poisson(Cube(2), 2), Cube(2).start(400_000, np.random.default_rng(0))
    work = -0.5 * problem.potential(x) * problem.solution(x)
    assert work.mean() == pytest.approx(problem.exact_energy(), abs=4 * work.std() / np.sqrt(len(work)))
    assert FreeParticle(Cube(3)).exact_energy() == pytest.approx(1.5 * np.pi**2)
    assert not FreeParticle(Cube(3)).potential(Cube(3).start(4, np.random.default_rng(0))).any()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Poisson(Particles()), "system=cube"),
        (lambda: FreeParticle(Particles()), "system=cube"),
        (lambda: Poisson(Cube(2), waves=0), r"labeler\.waves"),
    ],
)
def test_problems_elsewhere_are_refused(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()
