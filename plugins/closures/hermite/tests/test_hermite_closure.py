"""The learned closure: symmetries, limits and bounds that hold whatever has been learned, and that it learns."""

import math

import numpy as np
import pytest
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset
from eltanin_gas.flows.dispersion import growth_rates, hydrodynamic
from eltanin_gas.flows.march import Flow, march
from eltanin_gas.flows.mixtures import two_maxwellians
from eltanin_gas.flows.six_moments import SixMoments, characteristic_polynomial, realizability
from eltanin_gas.monatomic import State, equilibrium_moments, moments_of, rankine_hugoniot
from eltanin_gas.perceptron import layers_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_hermite.form import LEAST, NEAR, raised
from eltanin_hermite.gradient import GradientMoments, elementary, highest_changes
from eltanin_hermite.model import HermiteClosure, LearnedClosure, cells_of
from eltanin_hermite.states import around, mixtures, near_equilibrium, two_sides
from eltanin_hermite.training import Cells, Schedule, first_layers, fit, graduated, imaginary, robust


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def closure(seed=0, scale=1.0):
    return LearnedClosure(layers_of([scale * x for x in first_layers(16, generator(seed))]))


def random_states(count=200, seed=0):
    """Return states (count, 6) of (ρ, u, T, s, a, b) that some gas has."""
    rng = np.random.default_rng(seed)
    rho, t = rng.uniform(0.3, 3, size=(2, count))
    return np.stack([rho, rng.normal(size=count), t, *rng.uniform(-0.4, 0.4, size=(3, count))], axis=1)


def fields(states):
    rho, u, t, s, a, b = states.T
    p, root = rho * t, np.sqrt(t)
    return moments_of(State(rho, u, t, s * p, a * p * root, b * p * root))


def problems(moments):
    n = len(moments)
    counts = np.array([n])
    one = np.ones(1)
    return Problems(Ragged(moments, counts), Ragged(np.ones(n), counts), one, 0 * one, np.zeros(1, dtype=int))


def predicted(model, states):
    return model.predict(problems(fields(states))).values["closing"].values


@pytest.mark.parametrize("change", ["boost", "density", "temperature"])
def test_frames_and_scales_change_nothing(change):
    states = random_states()
    moved = states.copy()
    if change == "boost":
        moved[:, 1] += 1.5
    else:
        moved[:, {"density": 0, "temperature": 2}[change]] *= 4.0
    before, after = (predicted(closure(), x) for x in (states, moved))
    assert np.abs(before[:, 0] - 3).max() > 0.3
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-11 if change == "boost" else 3e-13)


def test_of_the_invariants_it_is_the_same_function_to_the_last_bit():
    s, a, b = torch.as_tensor(random_states()[:, 3:]).T
    one, other = (torch.stack(closure()(s, sign * a, sign * b)) for sign in (1, -1))
    assert float((one - other).abs().max()) < 1e-14


def test_equilibrium_is_exact():
    zero = torch.zeros(1, dtype=torch.float64)
    for seed in range(10):
        a, b = closure(seed, scale=3.0)(zero, zero, zero)
        assert float(a) == pytest.approx(3, abs=1e-14)
        assert float(b) == pytest.approx(1, abs=1e-14)


def test_viscosity_and_heat_conduction_of_bgk_whatever_was_learned():
    """s = ±i (5/3)^(1/2) k - k² and s = -k² for k → 0 at τ = 1."""
    k = torch.tensor([0.01, 0.02], dtype=torch.float64)
    for seed in range(3):
        sound, heat = hydrodynamic(growth_rates(SixMoments(closure(seed, scale=3.0)), k))
        np.testing.assert_allclose(sound.real, -(k**2), rtol=2e-3)
        np.testing.assert_allclose(sound.imag, math.sqrt(5 / 3) * k, rtol=2e-4)
        np.testing.assert_allclose(heat, -(k**2), rtol=2e-3)


def test_fluxes_are_those_of_some_gas_whatever_was_learned():
    s, a, b = torch.as_tensor(random_states(2000)[:, 3:]).T
    for seed in range(5):
        assert float(realizability(s, a, b, *closure(seed, scale=5.0)(s, a, b)).min()) > 0


def test_a_margin_is_bent_only_below_its_least():
    x = torch.linspace(-2, 2, 401, dtype=torch.float64)
    bent = raised(x)
    assert torch.equal(bent[x > LEAST], x[x > LEAST])
    assert (bent > 0).all()
    assert (bent.diff() > 0).all()


def test_imaginary_parts_are_those_of_the_roots_and_can_be_pushed_down():
    closing = closure(1, scale=3.0)
    s, a, b = torch.as_tensor(random_states(100)[:, 3:]).T
    coefficients = characteristic_polynomial(closing, s, a, b).requires_grad_()
    jacobian = [
        torch.autograd.functional.jacobian(SixMoments(closing).flux, x)
        for x in SixMoments(closing).from_variables(torch.stack([1 + 0 * s, 0 * s, 1 + 0 * s, s, a, b], -1))[:8]
    ]
    speeds = torch.linalg.eigvals(torch.stack(jacobian))
    expected = 20 * speeds.imag.square().sum(-1) / (1 + speeds.abs().amax(-1) ** 2)
    found = imaginary(coefficients)
    assert (expected > 1e-3).any()
    assert torch.allclose(found[:8], expected, rtol=0.05, atol=1e-4)
    found.sum().backward()
    lower = imaginary((coefficients - 1e-5 * coefficients.grad).detach()).sum()
    assert float(lower) < float(found.detach().sum())


def test_mixtures_are_two_maxwellians_of_few_fast_molecules():
    states = mixtures(500, generator())
    s, a, b = states.T
    a_value, b_value = two_maxwellians(s, a, b)
    assert float(s.min()) > 0
    assert float(realizability(s, a, b, a_value, b_value).min()) > 0
    assert float(a.max()) < 0


def learned_data(count=200):
    """Return precursors whose second gas counts for 4/3 of what it is: from there on their speeds are real."""
    states, rest = mixtures(count, generator(5)), torch.tensor([3.0, 1.0], dtype=torch.float64)
    closing = rest + 4 / 3 * (torch.stack(two_maxwellians(*states.T), -1) - rest)
    return Cells(states, closing, torch.ones(count, dtype=torch.float64))


def test_it_learns_and_its_speeds_become_real():
    cells, before = learned_data(), first_layers(16, generator())
    after, losses = fit(before, cells, Schedule(120, 100, 0.03, 0.0, 0.3), generator(1))
    errors, complex_ = [], []
    for parameters in (before, after):
        model = LearnedClosure(layers_of(parameters))
        errors.append(float((torch.stack(model(*cells.states.T), -1) / cells.closing - 1).square().mean()))
        complex_.append(float(imaginary(characteristic_polynomial(model, *cells.states.T)).mean()))
    assert min(losses) < 0.5 * losses[0]
    assert errors[1] < 0.5 * errors[0]
    assert complex_[1] < complex_[0]


def dataset(seed=0):
    rng = np.random.default_rng(seed)
    states = random_states(40, seed)
    x = Problems.concatenate([problems(fields(part)) for part in np.split(states, 4)])
    closing = np.stack(two_maxwellians(np.abs(states[:, 3]) + 0.1, states[:, 4], states[:, 5]), axis=1)
    y = Properties.of(moments=x.fields, closing=Ragged(closing, x.cells))
    n = np.zeros(len(x))
    return Dataset(x, y, n.astype(int), n.astype(int), rng.normal(size=len(x)), y)


def test_training_is_repeatable_and_its_members_differ():
    model, data = HermiteClosure(width=8, steps=3, cells=16), dataset()

    def member(seed):
        state = model.init(data, np.random.default_rng(seed))
        state, metrics = model.train(state, data, np.random.default_rng(seed))
        assert metrics["closing_flux_rmse"] > 0
        return model.predictor(state).predict(data.configurations).values["closing"].values

    np.testing.assert_array_equal(member(0), member(0))
    assert np.abs(member(0) - member(1)).max() > 1e-4


def test_cells_at_equilibrium_teach_nothing_and_all_of_them_are_refused():
    data = dataset()
    rest = np.broadcast_to(equilibrium_moments(*np.array([1.0, 0.2, 1.0])), (40, 6))
    values = {**data.labels.values, "moments": Ragged(rest.copy(), data.configurations.cells)}
    still = Dataset(
        data.configurations,
        Properties.of(**values),
        *(getattr(data, n) for n in ("round", "reason", "score", "predicted")),
    )
    assert len(cells_of(data, np.random.default_rng(0)).states) == 40
    with pytest.raises(ValueError, match="equilibrium"):
        cells_of(still, np.random.default_rng(0))


@pytest.mark.parametrize("wrong", [{"width": 0}, {"steps": 0}, {"cells": 1}, {"hyperbolicity": -1.0}])
def test_a_training_that_teaches_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=f"model.{next(iter(wrong))}"):
        HermiteClosure(**wrong)


def test_problems_of_another_gas_are_refused():
    with pytest.raises(ValueError, match="six moments"):
        HermiteClosure().check(problems(np.ones((3, 2))))


class TestGradientForm:
    """Hyperbolic by construction."""

    def speeds(self, seed=0):
        weights = torch.randn(6, 3, generator=generator(seed), dtype=torch.float64)

        def found(s, a, b):
            gaps = torch.nn.functional.softplus(torch.stack([s, a**2, b**2], -1) @ weights.T) + 0.1
            return -2 + gaps[..., :4].cumsum(-1), -1 + gaps[..., 4:].cumsum(-1)

        return found

    def test_the_speeds_are_the_eigenvalues(self):
        system = GradientMoments(two_maxwellians, characteristic=self.speeds())
        u = torch.as_tensor(fields(random_states(20)))
        small = 1e-7
        columns = [system.difference(u, u + small * x) / small for x in torch.eye(6, dtype=torch.float64)]
        found = torch.linalg.eigvals(torch.stack(columns, -1))
        known = system.eigenvalues(u).sort(-1).values
        np.testing.assert_allclose(np.sort(found.real.numpy()), known.numpy(), atol=2e-4)
        assert float(found.imag.abs().max()) < 1e-4

    def test_coefficients_are_those_of_the_polynomial(self):
        roots = torch.tensor([-2.0, -0.5, 1.0, 3.0], dtype=torch.float64)
        np.testing.assert_allclose(elementary(roots), -np.poly(roots.numpy())[:0:-1], rtol=1e-14)

    def test_changes_of_a_maxwellian_are_exact(self):
        at = torch.tensor([1.3, 0.7, 2.1], dtype=torch.float64)
        change = torch.autograd.functional.jacobian(lambda x: equilibrium_moments(*x), at)
        rho, u, t = at
        by = torch.autograd.functional.jacobian(
            lambda x: torch.stack(
                [
                    x[0] * (3 * x[2] ** 2 + 6 * x[1] ** 2 * x[2] + x[1] ** 4),
                    x[0] * x[2] * (x[2] + x[1] ** 2),
                ]
            ),
            at,
        )
        system = GradientMoments(two_maxwellians)
        for i in range(3):
            m4, k2 = highest_changes(equilibrium_moments(rho, u, t), change[:, i], system._speeds)
            np.testing.assert_allclose([float(m4), float(k2)], by[:, i], rtol=1e-12)

    def flow(self, cells, mach, length):
        upstream, downstream = rankine_hugoniot(mach)
        x = (torch.arange(cells, dtype=torch.float64) + 0.5) / cells - 0.5
        ends = [equilibrium_moments(*torch.tensor(v, dtype=torch.float64)) for v in (upstream, downstream)]
        share = (1 + torch.tanh(x * length / 4)) / 2
        u = ends[0] + share[:, None] * (ends[1] - ends[0])
        return Flow.of(u[None], torch.tensor([length], dtype=torch.float64), torch.tensor([int(Boundary.FIXED)]))

    def test_mass_momentum_and_energy_stay_to_round_off(self):
        system = GradientMoments(two_maxwellians, characteristic=self.speeds())
        x = torch.arange(24, dtype=torch.float64) / 24 * 2 * math.pi
        none = torch.zeros(1, 24, dtype=torch.float64)
        state = State(1 + 0.3 * torch.sin(x)[None], 0.2 * torch.cos(x)[None], 1 + none, none, none, none)
        flow = Flow.of(moments_of(state), torch.ones(1, dtype=torch.float64), torch.tensor([int(Boundary.PERIODIC)]))
        _, record = march(system, flow, lambda rho, t: 0.1 + 0 * rho, torch.tensor([0.1], dtype=torch.float64))
        assert record.steps > 5
        assert float(record.drift) < 1e-13
        assert float(record.margins["hyperbolicity"]) > 0.09

    @pytest.mark.slow
    def test_bounded_speeds_leave_a_jump_in_a_fast_shock(self):
        """At Mach 3 the largest step of density does not shrink with the cells; at Mach 1.4 it halves."""
        steps = {}
        for mach in (1.4, 3.0):
            for cells in (40, 80):
                flow = self.flow(cells, mach, 40.0)
                duration = torch.tensor([30.0], dtype=torch.float64)
                u, record = march(
                    GradientMoments(two_maxwellians), flow, lambda rho, t: 1 + 0 * rho, duration, inspect=1000
                )
                assert record.failed.isnan().all()
                steps[mach, cells] = float(u[0, :, 0].diff().max())
        assert steps[1.4, 80] < 0.6 * steps[1.4, 40]
        assert steps[3.0, 80] > 0.8 * steps[3.0, 40]


def test_training_pushes_where_states_are():
    """States beside the labels keep the sign of the heat flux and stay where a gas can be."""
    states = mixtures(200, generator())
    beside = around(states, generator(1))
    assert (beside[:, 0] > -0.9).all()
    assert (torch.sign(beside[:, 1]) == torch.sign(states[:, 1])).double().mean() > 0.99
    near = near_equilibrium(400, generator(2))
    assert float(near.abs().amax(1).median()) < 0.1


def test_two_sides_of_a_shock_are_two_maxwellians():
    """Mixtures of Maxwellians with equal weights of h/g = T obey the closed form of A and B."""
    states = two_sides(300, generator())
    assert float(states[:, 0].min()) > 0
    assert float(realizability(*states.T, *two_maxwellians(*states.T)).min()) > 0


def test_before_anything_is_learned_it_is_two_maxwellians_in_compression():
    nothing = LearnedClosure(layers_of([0 * x for x in first_layers(8, generator())]))
    s, a, b = two_sides(400, generator()).T
    far = (s > 1e-2) & ((a - 3 * b).abs() < 20 * s) & (b.abs() < 1.5 * s)
    assert int(far.sum()) > 100
    for found, known in zip(nothing(s[far], a[far], b[far]), two_maxwellians(s[far], a[far], b[far]), strict=True):
        np.testing.assert_allclose(found, known, rtol=2e-3)


def test_close_to_equilibrium_it_is_smooth():
    """Waves of an amplitude below NEAR are linear: A and B change with s alone, as in Grad's closure."""
    small = 1e-3 * NEAR * torch.randn(3, 50, generator=generator(), dtype=torch.float64)
    for seed in range(3):
        a, b = closure(seed, scale=3.0)(*small)
        np.testing.assert_allclose(a - 3, 6 * small[0], atol=0.05 * 1e-3 * NEAR)
        np.testing.assert_allclose(b - 1, small[0] / 2, atol=0.05 * 1e-3 * NEAR)


def test_an_error_that_cannot_be_mended_is_let_go_of():
    small, large = (torch.full((4, 2), x, dtype=torch.float64, requires_grad=True) for x in (1e-4, 1.0))
    assert float(robust(small, 0.05).detach()) == pytest.approx(2e-8, rel=1e-4)
    pulls = [float(torch.autograd.grad(robust(x, 0.05), x)[0].max()) for x in (small, large)]
    assert pulls[1] < 2 * 0.05**2 / 2 / 4 * 1.1
    assert pulls[0] == pytest.approx(2 * 1e-4 / 4, rel=1e-4)


def test_what_cannot_be_mended_is_found_out_by_and_by():
    assert [graduated(part) for part in (0.0, 0.5, 1.0, 3.0)] == pytest.approx([0.1, 0.1**1.5, 0.01, 0.01])


def test_cells_far_from_equilibrium_count_for_more():
    """Two cells of one problem: the farther one counts in proportion to |s| + |b|, beside 0.02 of every cell."""
    near, far = np.array([1.0, 0.0, 1.0, 1e-3, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.3, 0.0, 0.1])
    x = problems(fields(np.stack([near, far])))
    y = Properties.of(moments=x.fields, closing=Ragged(np.array([[3.0, 1.0], [5.0, 1.2]]), x.cells))
    none = np.zeros(1, dtype=int)
    weights = cells_of(Dataset(x, y, none, none, np.zeros(1), y), np.random.default_rng(0)).weights
    assert float(weights[1] / weights[0]) == pytest.approx(0.42 / 0.021)
