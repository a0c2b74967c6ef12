"""A gas and walkers in a well go round the same loop as molecules, and end where theory says."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from eltanin.audits import Audit
from eltanin.batch import Properties
from eltanin.campaign import Campaign
from eltanin.compose import restore
from eltanin.errors import ConfigurationError
from eltanin.execution import Inline, Processes
from eltanin.hooks import relay
from eltanin.labelling.ask import Labelling
from eltanin.protocols import Labels
from eltanin.run.folder import RunFolder
from eltanin.selectors import Everything, RandomChoice, TrustLevels
from eltanin.store.checkpoint import load_snapshot, save_snapshot
from eltanin_gas.domain import Gas
from eltanin_gas.lorentz.entropy import eddington_factor
from eltanin_gas.lorentz.random_states import RandomStates
from eltanin_gas.lorentz.regression import closure
from eltanin_gas.lorentz.relaxation import Relaxation
from eltanin_gas.lorentz.ridge_closure import RidgeClosure
from eltanin_gas.lorentz.system import LorentzGas
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.harmonic.gaussian_wavefunction import GaussianWavefunction
from eltanin_walkers.harmonic.metropolis import Metropolis
from eltanin_walkers.harmonic.system import Particles
from eltanin_walkers.harmonic.well import HarmonicWell
from eltanin_walkers.walkers import Walkers

GAS = LorentzGas()
TOLERANCE = 1e-3  # of a closing flux, over its own scale


class Listener:
    """Keeps the records of the rounds."""

    def __init__(self):
        self.records = []

    def round_finished(self, record):
        self.records.append(record)


def gas_campaign(executor=None, selector=None, seed=0):
    domain, executor = Gas(), executor or Inline()
    return Campaign(
        domain=domain,
        explorer=RandomStates(GAS),
        selector=selector or TrustLevels(domain, low=1e-4, high=1.0, budget=10),
        labelling=Labelling(domain, Relaxation(GAS), executor, seed, None),
        model=RidgeClosure(),
        executor=executor,
        audit=Audit(tolerance=TOLERANCE),
        seed=seed,
    )


def walkers_campaign(seed=0, listener=None):
    domain, system = ManyBody(), Particles(number=3, dimensions=2, mass=1.5)
    well = HarmonicWell(system, frequency=0.8)
    return Campaign(
        domain=domain,
        explorer=Metropolis(system),
        selector=Everything(),
        labelling=Labelling(domain, well, Inline(), seed, None),
        model=GaussianWavefunction(system),
        executor=Inline(),
        seed=seed,
        committee=1,
        memory="latest",
        hooks=relay([listener]) if listener else None,
    )


def run(campaign, rounds, start=None):
    now = start or campaign.begin()
    while now.status == "running" and now.round < rounds:
        now = campaign.advance(now)
    return now


def leaves(tree):
    """Return all that a snapshot holds, in order."""
    if is_dataclass(tree):
        tree = {f.name: getattr(tree, f.name) for f in fields(tree)}
    if isinstance(tree, Mapping):
        return [(key, *leaf) for key in sorted(tree) for leaf in leaves(tree[key])]
    if isinstance(tree, list | tuple):
        return [(i, *leaf) for i, branch in enumerate(tree) for leaf in leaves(branch)]
    if isinstance(tree, np.ndarray):
        return [(tree.dtype.str, tree.shape, tree.tobytes())]
    return [(tree,)]


def closure_error(models):
    s = np.linspace(-0.95, 0.95, 1001)
    mean = np.mean([closure(s, member["coefficients"]) for member in models], axis=0)
    return np.abs(mean - eddington_factor(s)).max()


@pytest.mark.parametrize("seed", range(3))
def test_closure_learned_actively_converges_to_the_analytic_one(seed):
    end = run(gas_campaign(seed=seed), 12)
    assert end.status == "converged", end.stop_reason
    assert closure_error(end.models) < TOLERANCE
    assert end.spent["labelled"] < end.spent["explored"] / 3


def test_active_learning_of_the_closure_beats_random_labels():
    ratios = []
    for seed in range(4):
        active = run(gas_campaign(seed=seed), 2)
        random = run(gas_campaign(selector=RandomChoice(Gas(), budget=10), seed=seed), 2)
        taught = [np.sum(end.data.round == 1) for end in (active, random)]
        assert taught[0] <= taught[1] + 2  # two audits
        ratios.append(closure_error(random.models) / closure_error(active.models))
    assert median(ratios) > 3


def test_walkers_reach_the_exact_ground_state():
    listener = Listener()
    end = run(walkers_campaign(listener=listener), 20)
    last = listener.records[-1]["training"]
    assert abs(last["energy_hartree"] - 3 * 2 * 0.8 / 2) < 1e-8
    assert last["variance_hartree2"] < 1e-16
    assert last["energy_error_hartree"] < 1e-8
    assert np.exp(end.models[0]["theta"]) == pytest.approx(1.5 * 0.8, abs=1e-12)
    assert listener.records[0]["training"]["energy_error_hartree"] > 1e-3
    assert len(end.data) == 256  # the latest pool alone is remembered


def test_walk_follows_the_wave_function():
    end = run(walkers_campaign(), 60)
    r2 = np.sum(end.data.configurations.positions**2, axis=(1, 2))
    expected = 6 / (2 * 1.5 * 0.8)  # <r^2> = D / (2 alpha)
    assert r2.mean() == pytest.approx(expected, abs=4 * r2.std() / np.sqrt(len(r2)))


@pytest.mark.parametrize(("campaign", "rounds"), [(gas_campaign, 4), (walkers_campaign, 12)])
def test_resumed_campaign_ends_bit_for_bit_the_same(campaign, rounds, tmp_path):
    whole = run(campaign(), rounds)
    for stop in range(rounds - 1):
        save_snapshot(tmp_path / str(stop), run(campaign(), stop))
        assert leaves(run(campaign(), rounds, load_snapshot(tmp_path / str(stop)))) == leaves(whole)


def test_gas_campaign_is_the_same_in_worker_processes():
    here, there = run(gas_campaign(), 2), run(gas_campaign(Processes(workers=2)), 2)
    assert leaves(here) == leaves(there)


def test_seeds_make_different_campaigns():
    assert leaves(run(gas_campaign(seed=0), 2)) != leaves(run(gas_campaign(seed=1), 2))


class Nothing:
    """Explores one place, labels it with nothing and learns nothing: what is left is the loop."""

    here = Walkers(np.zeros((1, 1, 1)))
    known = Properties.of(potential=np.zeros(1))

    def init(self, *_):
        return {}

    def explore(self, committee, state, feedback, rng):
        return self.here, state

    def label(self, x, wanted, rng):
        return Labels(self.known, {})

    def train(self, state, data, rng):
        return state, {}

    def predictor(self, state):
        return self


def test_a_round_of_an_empty_campaign_costs_the_core_little(capsys):
    nothing, domain, listener = Nothing(), ManyBody(), Listener()
    campaign = replace(
        walkers_campaign(listener=listener),
        explorer=nothing,
        model=nothing,
        labelling=Labelling(domain, nothing, Inline(), 0, None),
    )
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    end = run(campaign, 300)
    sys.setprofile(count)
    try:
        run(campaign, 310, end)
    finally:
        sys.setprofile(None)
    rounds = [sum(record["seconds"].values()) for record in listener.records[100:300]]
    with capsys.disabled():
        print(f"\nempty round: {1e3 * median(rounds):.2f} ms (least {1e3 * min(rounds):.2f}), {calls / 10:.0f} calls")
    assert calls / 10 < 2000  # what does not depend on who else is at work; such a round takes about half a millisecond


TOYS = {
    "gas": {
        "system": "lorentz_gas",
        "labeler": "relaxation",
        "explorer": "random_states",
        "model": "ridge_closure",
        "selector": "trust_levels",
        "selector.low": 1e-4,
        "selector.high": 1.0,
        "audit.tolerance": TOLERANCE,
    },
    "walkers": {
        "system": "particles",
        "labeler": "harmonic_well",
        "explorer": "metropolis",
        "model": "gaussian_wavefunction",
        "selector": "everything",
        "memory": "latest",
        "committee": 1,
        "rounds": 20,
    },
}


def elt(folder, **settings):
    said = ["experiment=null", "store=none", f"hydra.run.dir={folder}", *(f"{k}={v}" for k, v in settings.items())]
    return subprocess.run(
        [Path(sys.executable).with_name("elt"), "run", *said], capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.parametrize(("toy", "status"), [("gas", "converged"), ("walkers", "budget")])
def test_command_runs_a_toy_campaign(toy, status, tmp_path):
    ended = elt(tmp_path / toy, **TOYS[toy])
    assert ended.returncode == 0, ended.stderr
    left = RunFolder(tmp_path / toy)
    assert left.summary["status"] == status
    x, labels = left.domain.read(tmp_path / toy / "dataset.npz")
    assert len(x) == len(labels) == len(left.data)
    if toy == "walkers":
        assert left.rounds[-1]["training"]["energy_hartree"] == pytest.approx(3.0, abs=1e-8)


def test_parts_of_two_domains_are_refused_before_work(tmp_path):
    ended = elt(tmp_path / "mixed", **TOYS["gas"] | {"labeler": "harmonic_well"})
    assert ended.returncode == 2
    assert "labeler=harmonic_well (walkers)" in ended.stderr
    assert "explorer=random_states (gas)" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "mixed" / "rounds.jsonl").exists()


def test_restoring_a_mixture_is_refused_too(tmp_path):
    elt(tmp_path / "gas", **TOYS["gas"] | {"rounds": 1})
    config = RunFolder(tmp_path / "gas").config
    mixed = config | {"system": {"_name_": "particles", "number": 1, "dimensions": 1, "mass": 1.0}}
    with pytest.raises(ConfigurationError, match="system=particles"):
        restore(mixed)
