"""The gas domain's sections of the report: known numbers, and each section where a run has what it shows."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from eltanin.batch import Properties, Ragged
from eltanin.protocols import Dataset, Feedback
from eltanin.report import style
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.mixtures import two_maxwellians
from eltanin_gas.flows.problems import six_moments
from eltanin_gas.flows.six_moments import SixMoments
from eltanin_gas.monatomic import State, conserved_of, equilibrium_moments, invariants, moments_of
from eltanin_gas.problems import Boundary, Problems
from eltanin_gas.report import cells, conservation, exact_waves, fluxes, known, panels, shocks, speeds, waves
from eltanin_gas.report.known import conditional_variance


def rng(seed=0):
    return np.random.default_rng(seed)


class Linear:
    """A = 3 + α s, B = 1 + β s; α = 6 and β = 1/2 are Grad's."""

    def __init__(self, alpha=6.0, beta=0.5):
        self.slopes = alpha, beta

    def __call__(self, s, a, b):
        return 3 + self.slopes[0] * s + 0 * a, 1 + self.slopes[1] * s + 0 * b

    def jointly(self, members):
        return six_moments(members)

    def predict(self, x):
        s, a, b = torch.as_tensor(np.asarray(invariants(x.met.values))).unbind(-1)
        return Properties.of(closing=Ragged(torch.stack(self(s, a, b), dim=-1).numpy(), x.met.counts))


# -- exact waves -----------------------------------------------------------------------------------


def test_waves_of_bgk_are_those_published():
    """Ten digits of an independent solution of the dispersion relation."""
    k = np.array([0.1, 0.5, 1.0])
    published = [-0.0098692399 + 0.1293840942j, -0.2062235886 + 0.6634806423j, -0.6551058361 + 1.3575597766j]
    np.testing.assert_allclose(exact_waves.sound(k), published, atol=1.01e-10)
    np.testing.assert_allclose(exact_waves.heat(k), [-0.0098314279, -0.1994748234, -0.6251792376], atol=1.01e-10)


def test_long_waves_are_those_of_navier_stokes_and_fourier():
    k = np.array([0.05, 0.1])
    for exact, fluid in zip(waves.of_bgk(k), waves.of_nsf(k), strict=True):
        assert np.all(abs(fluid - exact) < 0.6 * abs(exact) * k)  # so the error is small, and falls with k
    np.testing.assert_allclose(waves.of_nsf(np.array([1e-3])), np.ones((3, 1)), atol=1e-5)


def test_roots_do_not_depend_on_what_else_is_asked_for():
    alone, together = exact_waves.sound(np.array([0.7])), exact_waves.sound(np.linspace(0.1, 1.2, 12))
    np.testing.assert_allclose(alone[0], together[6], rtol=1e-12)


def test_wave_numbers_at_which_digits_are_lost_are_refused():
    with pytest.raises(ValueError, match="digits are lost"):
        exact_waves.sound(np.array([0.01]))


def test_a_closure_with_the_right_equilibrium_has_the_right_long_waves():
    found = waves.of_system(SixMoments(Linear()), np.array([1e-3]))
    np.testing.assert_allclose(found, np.ones((3, 1)), atol=1e-4)


# -- what six moments can know ---------------------------------------------------------------------


def test_the_variance_of_noise_about_a_plane_is_found():
    x = rng().uniform(-1, 1, size=(1500, 3))
    noise = rng(1).normal(size=(1500, 2)) * [0.1, 2.0]
    y = x @ np.array([[3.0, -1], [0, 2], [1, 1]]) + noise
    problem = np.arange(1500) // 15
    found = conditional_variance(x, y, problem).mean(axis=0)
    np.testing.assert_allclose(found, [0.01, 4.0], rtol=0.05)
    assert conditional_variance(x, y - noise, problem).max() < 1e-20


def test_neighbours_are_of_other_problems():
    """Each problem has an offset of its own: among its own cells y would seem to be known exactly."""
    problem = np.repeat(np.arange(60), 20)
    offset = rng(2).normal(size=(60, 1))
    offset = (offset - offset.mean()) / offset.std(ddof=1)
    x = rng(3).uniform(size=(1200, 3))
    assert conditional_variance(x, offset[problem], problem).mean() == pytest.approx(1.0, rel=0.15)


def test_with_too_few_problems_nothing_is_said():
    x = rng().normal(size=(40, 3))
    assert conditional_variance(x, x[:, :1], np.zeros(40)) is None
    assert conditional_variance(x, x[:, :1], np.arange(40) // 35) is None


# -- speeds ----------------------------------------------------------------------------------------


def test_gaps_of_speeds_are_those_of_known_polynomials():
    """At rest: of Grad the roots of He4 and ±1; of A = 3, B = 1 throughout λ² (λ⁴ - 10/3 λ² + 3) = 0."""
    rest = np.zeros((1, 3))
    assert speeds.gaps(Linear(), rest)[0] == pytest.approx(np.sqrt(3 - np.sqrt(6)) * -1 + 1, rel=1e-6)
    complex_ = np.sqrt((np.sqrt(3) - 5 / 3) / 2)
    assert speeds.gaps(Linear(0.0, 0.0), rest)[0] == pytest.approx(-complex_, rel=1e-6)


def test_the_map_follows_the_ridge_of_the_labels():
    states = np.stack([rng().uniform(-0.3, 0.5, 300), rng(1).uniform(-1, 1, 300), np.zeros(300)], axis=1)
    states[:, 2] = states[:, 1] / 3
    found = speeds.gap_map(Linear(), states)
    np.testing.assert_allclose(found.b, np.broadcast_to(found.a[:, None] / 3, found.b.shape), atol=1e-9)
    assert found.a[0] == 0
    assert found.gap.shape == (len(found.a), len(found.s))


def test_reflection_leaves_gaps_as_they_are():
    states = np.array([[0.2, -0.4, 0.1], [0.2, 0.4, -0.1]])
    folded = speeds.mirrored(states)
    np.testing.assert_array_equal(folded, [[0.2, 0.4, -0.1]] * 2)
    here = [speeds.gaps(two_maxwellians, part) for part in (states, folded)]
    np.testing.assert_allclose(*here, atol=1e-9)


# -- conservation ----------------------------------------------------------------------------------


def test_drift_is_the_largest_change_over_its_total():
    begun = equilibrium_moments(np.array([1.0, 3.0]), np.zeros(2), np.ones(2))
    lighter = begun * np.array([1.0, 0.98])[:, None]
    moving = equilibrium_moments(np.array([1.0, 3.0]), np.array([0.0, 0.04]), np.array([1.0, 1 - 0.04**2 / 3]))
    drift = conservation.drift_of(
        conserved_of(np.stack([begun, begun, lighter, moving]))
    )  # E = 6, (2 · 4 · 6)^(1/2) = 6.93
    np.testing.assert_allclose(drift, [0, 0, 0.015, 0.12 / 48**0.5], atol=1e-12)


def test_flows_that_fail_are_not_drawn_on():
    class Broken(Linear):
        def __call__(self, s, a, b):
            return 3 + torch.nan * s, 1 + 0 * b

    x = flows()[:1]
    found = conservation.course(SixMoments(Broken()), MonatomicGas(), x)
    assert np.isfinite(found.drift[0]).all()
    assert np.isnan(found.drift[1:]).all()


# -- sections --------------------------------------------------------------------------------------


def flows(count=6, size=8):
    """Return periodic waves, each of a Knudsen number of its own."""
    x = 2 * np.pi * np.arange(size) / size
    rows = [
        equilibrium_moments(1 + 0.3 * np.sin(x + k), 0.2 * np.cos(x), 1 + 0.2 * np.sin(x - k)) for k in range(count)
    ]
    fields = Ragged.of(rows)
    knudsen = Ragged(np.repeat(10.0 ** np.linspace(-2, 1, count), size), fields.counts)
    region = np.array(["wave", "mixture"])[np.arange(count) % 2]
    one = np.ones(count)
    periodic = np.full(count, int(Boundary.PERIODIC))
    return Problems(fields, knudsen, one, 0.02 * one, periodic, {"region": region})


def labels(x, seed=0):
    """Return states of compressions, and the fluxes of two Maxwellians with their moments."""
    draw = rng(seed)
    s, a, b = draw.uniform([0.05, -0.3, -0.1], [0.5, 0.3, 0.1], size=(4 * len(x.fields.values), 3)).T
    one = np.ones_like(s)
    moments = Ragged(moments_of(State(one, 0 * one, one, s, a, b)), 4 * x.cells)
    return Properties.of(moments=moments, closing=Ragged(np.stack(two_maxwellians(s, a, b), axis=1), moments.counts))


def pool(finite):
    n = 5
    told = {
        "realizability": np.full(n, 0.1),
        "imaginary": np.linspace(0, 0.4, n),
        "stopped": np.array([1.0, *[np.nan] * 4]),
    }
    if not finite:
        told = {name: np.full(n, np.nan) for name in told}
    return Feedback(told, np.zeros(n, int), np.zeros(n), np.zeros(n, bool))


def run(tmp_path, **changed):
    x = flows()
    n = len(x)
    data = Dataset(x, labels(x), np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))
    parts = SimpleNamespace(
        model=SimpleNamespace(predicts=frozenset({"six_moments", "moment_system"})), system=MonatomicGas()
    )
    told = {
        "path": tmp_path, "config": {}, "plugins": {}, "rounds": [], "summary": {}, "data": data, "pools": [],
        "validation": None, "measured": {}, "damaged": [], "domain": Gas(), "parts": parts,
        "committee": [Linear(), Linear(6.4, 0.4)],
    }  # fmt: skip
    return SimpleNamespace(**{**told, **changed})


ALWAYS = [
    "Closing fluxes",
    "What six moments can know",
    "Characteristic speeds",
    "Linear waves",
    "Conservation and margins over time",
]


def titles(this):
    with style.styled():
        return [section.title for section in panels(this)]


def test_a_closure_of_six_moments_has_its_sections(tmp_path):
    assert titles(run(tmp_path)) == ALWAYS


def test_what_was_measured_and_explored_has_sections_too(tmp_path):
    xi = np.linspace(-5, 5, 21)
    profile = np.stack([xi, *(np.tanh(xi) + k for k in range(5))])
    measured = {f"profile_{name}_mach_{mach}": profile for name in ("bgk", "closure") for mach in ("10", "5.5")}
    numbers = {f"error_{field}_kn_{kn}": 0.1 for field in ("rho", "u", "T") for kn in ("0.1", "1")}
    errors = {f"relative_l1_{field}_mach_5.5": 0.25 for field in ("rho", "u", "T", "sigma", "q")}
    this = run(tmp_path, pools=[pool(False), pool(True)], measured=measured, summary={"validation": numbers | errors})
    with style.styled():
        found = panels(this)
    more = ["Margins of the closure's own runs", "Standing shocks", "Errors over Knudsen numbers"]
    assert [section.title for section in found] == [*ALWAYS, *more]
    margins, standing, over_knudsen = found[-3:]
    assert margins.words.startswith("In round 1 the least realizability of a run was 0.1")
    assert "20 % of the runs stopped" in margins.words
    assert [drawing.caption.split(",")[0] for drawing in standing.drawings] == ["Mach 5.5", "Mach 10"]
    assert [row[:4] for row in standing.tables[0].rows] == [["5.5", "closure", "0.25", "0.25"]]
    assert [row[:3] for row in over_knudsen.tables[0].rows] == [
        ["0.1", "this closure", "0.1"],
        ["1", "this closure", "0.1"],
    ]


def test_without_a_committee_there_are_labels_alone(tmp_path):
    assert titles(run(tmp_path, committee=[])) == ["What six moments can know"]
    assert titles(run(tmp_path, committee=[], data=None)) == []


def test_a_gas_of_other_moments_has_no_sections(tmp_path):
    fields = Ragged(np.ones((4, 2)), np.array([4]))
    one = np.ones(1)
    x = Problems(fields, Ragged(np.ones(4), fields.counts), one, one, np.zeros(1, int))
    other = Properties.of(moments=fields, closing=Ragged(np.ones((4, 1)), fields.counts))
    data = Dataset(x, other, np.zeros(1, int), np.zeros(1, int), one, Properties.none(1))
    parts = SimpleNamespace(model=object(), system=object())
    assert titles(run(tmp_path, data=data, parts=parts)) == []


def test_waves_are_told_of_bgk_alone(tmp_path):
    parts = SimpleNamespace(
        model=SimpleNamespace(predicts=frozenset({"six_moments", "moment_system"})),
        system=MonatomicGas("shakhov", "viscosity"),
    )
    assert "Linear waves" not in titles(run(tmp_path, parts=parts))


def test_errors_are_those_of_the_mean_of_the_committee(tmp_path):
    this = run(tmp_path)
    found = cells.labelled(this)
    assert not found.tested
    guess = fluxes.predictions(this.committee, found.moments)
    s = found.states[:, 0]
    np.testing.assert_allclose(guess, np.stack([3 + 6.2 * s, 1 + 0.45 * s], axis=1), rtol=1e-12)
    row = fluxes.section(this).tables[0].rows[0]
    error = guess[:, 0] / found.closing[:, 0] - 1
    assert float(row[2].split()[0]) == pytest.approx(100 * np.sqrt(np.mean(error**2)), rel=0.01)


def test_a_test_set_is_looked_at_rather_than_what_was_learned_from(tmp_path):
    x = flows(3)
    this = run(tmp_path, validation={"x": x, "labels": labels(x, 5)})
    found = cells.labelled(this)
    assert found.tested
    assert len(found.moments) == 4 * len(x.fields.values)
    assert "never trained on" in fluxes.section(this).words


def test_cells_at_equilibrium_are_left_out():
    x = flows(2)
    moments = Ragged(x.fields.values, x.fields.counts)
    closing = Ragged(np.tile([3.0, 1.0], (16, 1)), moments.counts)
    assert cells.cells_of(x, Properties.of(moments=moments, closing=closing), tested=False) is None


def test_mach_numbers_are_in_order():
    measured = {f"profile_{name}_mach_{mach}": np.zeros(1) for name in ("bgk", "nsf") for mach in ("10", "5.5", "8")}
    assert shocks.machs_of(measured) == ["5.5", "8", "10"]


def test_what_cannot_be_known_is_told_beside_the_errors(tmp_path):
    words = known.section(run(tmp_path)).words
    assert "The committee's errors on the same cells" in words
