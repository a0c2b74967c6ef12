"""The campaign inside a label: electrons of one molecule, round the same loop as everything else.

Its parts are those of the registry, so that a wave function that somebody else installs serves here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from eltanin.campaign import Campaign
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.randomness import stream
from eltanin.registry import load, nearest
from eltanin.selectors import Everything
from eltanin_walkers.domain import ManyBody
from eltanin_walkers.evaluation import Energy
from eltanin_walkers.systems.molecule import Molecule

PARTS = (
    ("explorer", "monte_carlo"),
    ("explorer/move", "gaussian"),
    ("labeler", "coulomb"),
    ("model", "wavefunction"),
    ("model/optimizer", "spring"),
)


def made(group: str, name: str, system: Molecule, settings: Mapping[str, Any], at: str) -> Any:
    """Return a component of a molecule; settings that it does not have are refused. at: where they are set."""
    kind: Any = load(group, name)
    known = [field.name for field in fields(kind) if field.name != "system"]
    if unknown := sorted(settings.keys() - set(known)):
        raise ValueError(f"{at}.{unknown[0]}: {group}={name} has no such setting{nearest(unknown[0], known)}")
    return kind(system, **settings)


def campaign(
    system: Molecule, ansatz: Any, start: Any, explorer: Mapping[str, Any], optimizer: Mapping[str, Any], seed: int
) -> Campaign:
    """Return the campaign that seeks the ground state of a molecule."""
    domain: Any = ManyBody()
    inline: Any = Inline()
    walk: Any = load("explorer", "monte_carlo")
    hamiltonian: Any = load("labeler", "coulomb")
    wave_function: Any = load("model", "wavefunction")
    move: Any = load("explorer/move", "gaussian")
    spring: Any = load("model/optimizer", "spring")
    return Campaign(
        domain=domain,
        explorer=walk(system, move=move(), **explorer),
        selector=Everything(),
        labelling=Labelling(domain, hamiltonian(system), inline, seed, None),
        model=wave_function(system, ansatz=ansatz, optimizer=spring(**optimizer), start=start),
        executor=inline,
        seed=seed,
        committee=1,
        memory="latest",
    )


def ground_state(one: Campaign, rounds: int, evaluation: Energy) -> Mapping[str, Any]:
    """Return what `evaluation` measures of the wave function after so many rounds."""
    now = one.begin()
    while now.round < rounds:
        now = one.advance(now)
    psi = [one.model.predictor(state) for state in now.models]
    return evaluation.measure(one.explorer, now.explorer, one.labelling, psi, stream(one.seed, "evaluation"))
