"""The explorer as a part of the loop: rounds, guards, feedback, determinism, resume."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from ase.build import molecule

from eltanin.batch import Properties, Ragged, fingerprints
from eltanin.protocols import Feedback, Verdict
from eltanin.randomness import stream
from eltanin.store.checkpoint import load_tree, save_tree
from eltanin_atoms.structures import Structures
from eltanin_molecular_dynamics import Driver, Ensemble, Guards, MolecularDynamics, Region
from eltanin_molecular_dynamics.guards import kinetic_temperature

GRID = {"cold": Region([40.0], [0.0, 0.3]), "warm": Region([70.0, 90.0], [0.3])}


@pytest.fixture
def explorer(argon):
    return MolecularDynamics(system=argon, regions=GRID, steps=40, every=10, timestep=4.0, initial=6, displacement=0.1)


@dataclass
class Recording:
    """A predictor that counts, and spoils its answers from the k-th call on."""

    inner: object
    spoil: object = None
    after: int = 10**9
    calls: int = 0

    def predict(self, x):
        self.calls += 1
        answer = self.inner.predict(x)
        return self.spoil(answer) if self.calls > self.after else answer


def with_forces(change):
    def spoil(answer):
        forces = answer.values["forces"]
        values = answer.values | {"forces": Ragged(change(forces.values), forces.counts)}
        return replace(answer, values=values)

    return spoil


def with_virial(value):
    def spoil(answer):
        return replace(answer, values=answer.values | {"virial": np.full((1, 3, 3), value)})

    return spoil


EXPLOSIONS = {
    "nan": with_forces(lambda f: np.full_like(f, np.nan)),
    "one infinity": with_forces(lambda f: f + np.where(np.arange(f.size) == 4, np.inf, 0.0).reshape(f.shape)),
    "kick": with_forces(lambda f: f + 1e8),
    "heat": with_forces(lambda f: f + np.where(np.arange(len(f)) % 2, 20.0, -20.0)[:, None]),
    "nan virial": with_virial(np.nan),
    "burst": with_virial(1e12 * np.eye(3)),
    "collapse": with_virial(-1e12 * np.eye(3)),
    "overflow": with_virial(1e300 * np.eye(3)),
}


GUARD = {
    "nan": "nonfinite",
    "one infinity": "nonfinite",
    "kick": "force",
    "heat": "temperature",
    "nan virial": "nonfinite",
    "burst": "volume",
    "collapse": "volume",
    "overflow": "volume",
}


def test_the_first_round_perturbs_structures_for_every_region(explorer, argon):
    x, state = explorer.explore([], explorer.init(stream(1)), None, stream(2))
    assert list(x.evidence["region"]) == ["cold"] * 6 + ["warm"] * 6
    assert set(x.evidence["temperature"][6:]) == {70.0, 90.0}
    assert len(set(fingerprints(x))) == 12
    stretch = np.cbrt(x.volume / argon.structures().volume) - 1
    assert 0.01 < np.abs(stretch).max() < 0.03 + 0.001
    assert not state.alive.any()


def test_frames_say_where_they_come_from(explorer, lennard_jones):
    state = explorer.init(stream(1))
    for k in (1, 2):
        x, state = explorer.explore([lennard_jones], state, None, stream(k))
        assert len(x) == 4 * 4
        assert list(x.evidence["trajectory"]) == [i for i in range(4) for _ in range(4)]
        assert list(x.evidence["time"][:4]) == [160 * (k - 1) + t for t in (40, 80, 120, 160)]
        assert list(x.evidence["pressure"][::4]) == [0.0, 0.3, 0.3, 0.3]
        assert list(x.evidence["temperature"][::4]) == [40, 40, 70, 90]
        assert np.array_equal(x.evidence["velocities"].counts, x.counts)
        assert set(x.evidence["stopped"]) == {""}
    assert list(state.walked) == [2] * 4
    assert np.array_equal(x.positions.rows()[3], state.now.positions.rows()[0])


def test_the_same_stream_gives_the_same_bits_and_another_stream_others(explorer, lennard_jones):
    runs = []
    for seed in (3, 3, 4):
        state = explorer.init(stream(seed, "init"))
        x, state = explorer.explore([lennard_jones], state, None, stream(seed, "explore"))
        runs.append((x.positions.values, x.evidence["velocities"].values, state.now.cell))
    assert all(np.array_equal(a, b) for a, b in zip(runs[0], runs[1], strict=True))
    assert not np.array_equal(runs[0][0], runs[2][0])


def test_a_resumed_exploration_is_the_uninterrupted_one(explorer, lennard_jones, tmp_path):
    pools = {}
    for resumed in (False, True):
        state = explorer.init(stream(0))
        _, state = explorer.explore([lennard_jones], state, None, stream(1))
        if resumed:
            save_tree(tmp_path / "state", {"explorer": state})
            state = load_tree(tmp_path / "state")["explorer"]
        pools[resumed], _ = explorer.explore([lennard_jones], state, None, stream(2))
    assert fingerprints(pools[True]) == fingerprints(pools[False])
    for name in ("velocities", "cell"):
        a, b = (p.cell if name == "cell" else p.evidence[name].values for p in pools.values())
        assert np.array_equal(a, b)


def test_trajectories_of_one_state_point_go_their_own_ways(argon, lennard_jones):
    explorer = MolecularDynamics(
        system=argon, regions={"a": Region([60.0], [0.0])}, trajectories=2, steps=10, displacement=0.0
    )
    state = explorer.init(stream(0))
    assert np.array_equal(*state.start.positions.rows())
    x, _ = explorer.explore([lennard_jones], state, None, stream(1))
    assert len(x) == 2
    assert not np.allclose(*x.positions.rows(), atol=1e-3)


def test_what_a_trajectory_does_is_not_changed_by_what_others_do(argon, lennard_jones):
    """A trajectory that stops early does not shift the random numbers of the next."""
    plain = {"system": argon, "regions": {"a": Region([60.0])}, "ensemble": Ensemble.nvt}
    explorer = MolecularDynamics(**plain, trajectories=2, steps=40, every=10)
    state = explorer.init(stream(0))
    calm, _ = explorer.explore([lennard_jones], state, None, stream(1))
    wild = Recording(lennard_jones, EXPLOSIONS["nan"])
    wild.after = 7
    mixed, _ = explorer.explore([wild, lennard_jones], state, None, stream(1))
    second = mixed[mixed.evidence["trajectory"] == 1]
    assert fingerprints(second) == fingerprints(calm[calm.evidence["trajectory"] == 1])


@pytest.mark.parametrize("name", EXPLOSIONS)
@pytest.mark.parametrize("k", [0, 1, 17])
def test_an_explosion_is_caught_within_a_step(explorer, lennard_jones, name, k):
    """Planted at the k-th step: one more, the last sane frame is kept, and nothing else leaves."""
    planted = Recording(lennard_jones, EXPLOSIONS[name], after=k)
    explorer = replace(explorer, regions={"cold": GRID["cold"]})
    state = explorer.init(stream(1))
    x, after = explorer.explore([planted, lennard_jones], state, None, stream(2))
    assert planted.calls <= k + 2
    mine = x[x.evidence["trajectory"] == 0]
    steps_done = mine.evidence["time"][-1] / 4.0
    assert steps_done in (max(k - 1, 0), k)
    assert mine.evidence["stopped"][-1] == GUARD[name]
    assert set(mine.evidence["stopped"][:-1]) <= {""}
    assert list(after.alive) == [False, True]
    assert len(x[x.evidence["trajectory"] == 1]) == 4
    for column in (x.positions.values, x.cell, x.evidence["velocities"].values):
        assert np.isfinite(column).all()
    again, later = explorer.explore([lennard_jones], after, None, stream(3))
    assert list(again.evidence["time"]) == [40, 80, 120, 160, 200, 240, 280, 320]
    assert later.alive.all()


def test_a_stopped_trajectory_begins_again_where_it_began(explorer, lennard_jones):
    wild = Recording(lennard_jones, EXPLOSIONS["nan"], after=0)
    state = explorer.init(stream(1))
    _, after = explorer.explore([wild], state, None, stream(2))
    assert not after.alive.any()
    assert np.array_equal(after.start.positions.values, state.start.positions.values)
    short = replace(explorer, steps=1, every=1, timestep=1e-6)
    x, _ = short.explore([lennard_jones], after, None, stream(3))
    assert np.allclose(x.positions.values, state.start.positions.values, atol=1e-6)


def test_each_trajectory_follows_another_member_and_another_in_each_round(argon, lennard_jones):
    explorer = MolecularDynamics(system=argon, regions={"a": Region([50.0], [0.0])}, trajectories=2, steps=10, every=10)
    for driver, expected in ((Driver.rotating, [[11, 11, 0], [0, 11, 11]]), (Driver.first, [[22, 0, 0]] * 2)):
        state = explorer.init(stream(0))
        for calls in expected:
            members = [Recording(lennard_jones) for _ in range(3)]
            _, state = replace(explorer, driver=driver).explore(members, state, None, stream(1))
            assert [m.calls for m in members] == calls


def test_what_is_accurate_is_explored_less_and_what_is_not_more(explorer, lennard_jones):
    state = explorer.init(stream(1))
    x, state = explorer.explore([lennard_jones], state, None, stream(2))
    verdict = np.where(x.evidence["trajectory"] == 2, Verdict.CANDIDATE, Verdict.ACCURATE)
    feedback = Feedback(x.evidence, verdict, np.zeros(len(x)), np.zeros(len(x), dtype=bool))
    y, _ = explorer.explore([lennard_jones], state, feedback, stream(3))
    frames = np.bincount(y.evidence["trajectory"])
    assert list(frames) == [2, 2, 9, 2]
    assert len(y) <= len(x)


def test_feedback_on_the_first_structures_leaves_all_points_alike(explorer, lennard_jones):
    state = explorer.init(stream(1))
    x, state = explorer.explore([], state, None, stream(2))
    n = len(x)
    feedback = Feedback(x.evidence, np.full(n, Verdict.CANDIDATE), np.full(n, np.nan), np.ones(n, dtype=bool))
    y, _ = explorer.explore([lennard_jones], state, feedback, stream(3))
    assert list(np.bincount(y.evidence["trajectory"])) == [4, 4, 4, 4]


def test_a_failed_reference_stops_a_trajectory_and_not_the_campaign(explorer, lennard_jones):
    """A labeler in the place of the model answers a failure with rows that are not present."""

    def failed(answer):
        return replace(
            answer,
            values={
                "energy": np.full(1, np.nan),
                "forces": Ragged(np.zeros((0, 3)), np.zeros(1, dtype=np.int64)),
                "virial": np.full((1, 3, 3), np.nan),
            },
            present={k: np.zeros(1, dtype=bool) for k in ("energy", "forces", "virial")},
        )

    truth = Recording(lennard_jones, failed, after=25)
    x, state = explorer.explore([truth], explorer.init(stream(1)), None, stream(2))
    assert list(state.alive) == [False] * 4
    assert np.isfinite(x.positions.values).all()


def test_a_liquid_begins_with_a_round_of_melting_and_so_it_does_after_a_stop(argon, lennard_jones):
    explorer = MolecularDynamics(
        system=argon, regions={"a": Region([60.0], melt=400.0)}, ensemble=Ensemble.nvt,
        steps=200, every=10, timestep=5.0, strain=0.0,
    )  # fmt: skip
    masses, state, kinetic = np.full(32, 39.948), explorer.init(stream(0)), []
    members = [lennard_jones, lennard_jones, Recording(lennard_jones, EXPLOSIONS["nan"], after=0)]
    for k, member in enumerate([*members, lennard_jones]):
        x, state = explorer.explore([member], state, None, stream(k))
        assert set(x.evidence["temperature"]) == {400.0 if k in (0, 3) else 60.0}
        velocities = x.evidence["velocities"].rows()[-10:]
        kinetic.append(np.mean([kinetic_temperature(masses, v) for v in velocities]))
    assert kinetic[0] == pytest.approx(400, rel=0.2)
    assert kinetic[1] == pytest.approx(60, rel=0.2)  # and cooling was not taken for an explosion
    assert kinetic[3] == pytest.approx(400, rel=0.2)


def test_molecules_keep_charge_spin_and_shape_in_vacuum():
    @dataclass(frozen=True)
    class Ion:
        def structures(self):
            atoms = molecule("OH")
            atoms.info |= {"charge": -1.0, "spin": 0}
            return Structures.from_ase([atoms])

    @dataclass
    class Spring:
        seen: list

        def predict(self, x):
            self.seen.append((x.charge[0], x.spin[0]))
            r = x.positions.values
            d = r[1] - r[0]
            f = 40.0 * (np.linalg.norm(d) - 0.97) * d / np.linalg.norm(d)
            forces = Ragged(np.array([f, -f]), x.counts)
            energy = 20.0 * (np.linalg.norm(d) - 0.97) ** 2
            return Properties.of(energy=np.array([energy]), forces=forces, virial=np.zeros((1, 3, 3)))

    explorer = MolecularDynamics(
        system=Ion(), regions={"gas": Region([300.0])}, ensemble=Ensemble.nvt, timestep=0.5,
        steps=200, every=20, displacement=0.01, initial=3,
    )  # fmt: skip
    first, state = explorer.explore([], explorer.init(stream(0)), None, stream(1))
    assert np.all(first.cell == 0)
    spring = Spring([])
    x, _ = explorer.explore([spring], state, None, stream(2))
    assert set(spring.seen) == {(-1.0, 0)}
    assert set(x.charge) == {-1.0}
    lengths = [np.linalg.norm(r[1] - r[0]) for r in x.positions.rows()]
    assert 0.8 < min(lengths) < max(lengths) < 1.2


def test_structures_that_begin_too_close_are_refused_with_the_remedy(argon):
    explorer = MolecularDynamics(
        system=argon,
        regions={"a": Region([300.0])},
        ensemble=Ensemble.nvt,
        guards=Guards(distance=1.78),
    )
    with pytest.raises(ValueError, match=r"lower explorer\.displacement=0\.05"):
        explorer.init(stream(0))
