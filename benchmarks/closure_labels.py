"""Which flows to label: those where a committee disagrees most, beside as many drawn at random from the same flows.

A pool of random flows (waves, mixtures, transitions; Kn from 1e-3 to 10) is run by the current closure; the choice
begins with the same few, and doubles what is labelled from round to round. Errors are of flows that were never in the
pool: what the closure leaves of the changes of its highest moments, over what Hermite's leaves; of all faces together,
and of the worst flow. The ratio at the end is of numbers of labels at equal error, on the line through the random ones.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import torch

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_gas.collisions import MonatomicGas
from eltanin_gas.domain import Gas
from eltanin_gas.flows.many_moments import hermite_tail
from eltanin_gas.problems import Problems
from eltanin_hyperbolic.faces import Faces, faces_of
from eltanin_hyperbolic.model import HyperbolicClosure, LearnedTail, MeanTail
from eltanin_hyperbolic.training import residuals
from eltanin_kinetic.labeler import Bgk
from eltanin_kinetic_flows import KineticFlows

GAS, DOMAIN, MEMBERS, FIRST = MonatomicGas(), Gas(distributions=True), 2, 4
FAMILIES = {"wave": 1.0, "mixture": 1.0, "transition": 1.0}


def labelled(x: Problems) -> Dataset[Problems, Properties, Properties]:
    """Return problems with their labels."""
    labels = Bgk(GAS).label(x, DOMAIN.wanted, np.random.default_rng(0))
    if labels.failures:
        raise RuntimeError(f"no label of {sorted(labels.failures)}")
    n = len(x)
    return Dataset(x, labels.values, np.zeros(n, int), np.zeros(n, int), np.full(n, np.nan), Properties.none(n))


def drawn(count: int, cells: int, rng: np.random.Generator) -> Problems:
    """Return the beginnings of random flows."""
    explorer = KineticFlows(GAS, families=FAMILIES, problems=count, cells=cells)
    x, _ = explorer.explore([], explorer.init(rng), None, rng)
    return replace(x, evidence={})


def trained(
    model: HyperbolicClosure, data: Dataset[Problems, Properties, Properties], rng: np.random.Generator
) -> list[LearnedTail]:
    """Return a committee."""
    states = [model.train(model.init(data, rng), data, rng)[0] for _ in range(MEMBERS)]
    return [model.predictor(state) for state in states]


def deviations(committee: list[LearnedTail], x: Problems) -> np.ndarray:
    """Return how far members disagree where the runs of problems by their mean go, (n,)."""
    explorer = KineticFlows(GAS, families=FAMILIES)
    met = explorer._ran(committee, x)["met"]  # of these problems, not of new ones
    asked = replace(x, evidence={"met": met})
    return DOMAIN.deviation([one.predict(asked) for one in committee])


def errors(committee: list[LearnedTail], faces: Faces) -> tuple[float, float]:
    """Return what is left over what Hermite's tail leaves (root mean square): of all faces, and of the worst flow."""
    with torch.no_grad():
        left, of_hermite = (
            residuals(tail(faces.standardised), faces.jump).square().sum(-1)
            for tail in (MeanTail(committee), hermite_tail)
        )
    of_flows = [
        torch.zeros(int(faces.owner.max()) + 1).double().index_add(0, faces.owner, x) for x in (left, of_hermite)
    ]
    return float((left.sum() / of_hermite.sum()).sqrt()), float((of_flows[0] / of_flows[1].mean()).max().sqrt())


def course(
    active: bool,
    pool: Dataset[Problems, Properties, Properties],
    test: Faces,
    model: HyperbolicClosure,
    seed: int,
    most: int,
) -> list[tuple[int, float, float]]:
    """Return numbers of labels, and the errors after learning from them."""
    rng = np.random.default_rng(seed)
    chosen, found = rng.permutation(len(pool))[:FIRST], []
    while True:
        committee = trained(model, pool[chosen], rng)
        found.append((len(chosen), *errors(committee, test)))
        if 2 * len(chosen) > most:
            return found
        rest = np.setdiff1d(np.arange(len(pool)), chosen)
        if active:
            order = rest[np.argsort(-deviations(committee, pool.configurations[rest]), kind="stable")]
        else:
            order = rng.permutation(rest)
        chosen = np.concatenate([chosen, order[: len(chosen)]])


def fewer(active: np.ndarray, at_random: np.ndarray, counts: np.ndarray) -> float:
    """Return how many times the labels random ones need for the errors of the active ones (mean of logarithms)."""
    slope, level = np.polyfit(np.log(at_random), np.log(counts), 1)
    needed = slope * np.log(active) + level
    return float(np.exp((needed - np.log(counts))[1:].mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (
        ("pool", 96),
        ("test", 24),
        ("cells", 96),
        ("most", 32),
        ("seeds", 3),
        ("order", 8),
        ("steps", 200),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    pool = labelled(drawn(asked.pool, asked.cells, np.random.default_rng(100)))
    unseen = labelled(drawn(asked.test, asked.cells, np.random.default_rng(200)))
    test = faces_of(unseen.configurations, unseen.labels, asked.order)
    model = HyperbolicClosure(DOMAIN, order=asked.order, steps=asked.steps)
    means: dict[bool, np.ndarray] = {}
    for active in (True, False):
        runs = np.array([course(active, pool, test, model, seed, asked.most) for seed in range(asked.seeds)])
        means[active] = np.exp(np.log(runs).mean(0))
        print("where members disagree" if active else "at random")
        for count, whole, worst in means[active]:
            explored = f"{count:4.0f} labels, {count / asked.pool:4.0%} of the explored"
            print(f"  {explored}: {whole:.4f} of all, {worst:.4f} of the worst")
    for k, name in ((1, "all"), (2, "the worst")):
        ratio = fewer(means[True][:, k], means[False][:, k], means[True][:, 0])
        print(f"labels at random for the same error, of {name}: {ratio:.2f} times as many")


if __name__ == "__main__":
    main()
