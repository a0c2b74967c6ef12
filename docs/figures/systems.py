"""What the figures learn and are tested on: crystals that are labelled here, and data of others where they are.

Crystals are strained and shaken at random, and labelled by effective medium theory (metals) or Lennard-Jones
(argon), so that every figure can be made without any data.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.data import chemical_symbols

from eltanin.batch import Properties
from eltanin.labelled import read
from eltanin.protocols import Dataset, Labeler, Predictor
from eltanin.randomness import stream
from eltanin_ase_calculator import AseCalculator
from eltanin_atoms.domain import Atoms as Domain
from eltanin_atoms.structures import Structures
from eltanin_lennard_jones import LennardJones
from eltanin_neural_potential import NeuralPotential

DATA = Path(os.environ.get("DATA", "../shared/data"))
WANTED = frozenset({"energy", "forces"})
ERRORS = ("energy_rmse_mev_per_atom", "force_rmse_mev_per_angstrom")


class Sample(NamedTuple):
    """Structures and labels to learn from, and others to be tested on."""

    learned: Dataset
    unseen: Dataset

    @property
    def forces(self) -> float:
        """Root mean square of the components of the forces to be predicted, eV/Å."""
        return float(np.sqrt(np.mean(self.unseen.labels.values["forces"].values ** 2)))

    @property
    def elements(self) -> list[str]:
        """All elements, by atomic number."""
        return [chemical_symbols[z] for z in np.unique(self.learned.configurations.numbers.values)]


def rows(x: Structures, labels: Properties) -> Dataset:
    """Return structures and labels as a model is given them."""
    none = np.zeros(len(x), int)
    return Dataset(x, labels, none, none, np.full(len(x), np.nan), Properties.none(len(x)))


def shaken(crystal: Atoms, elements: list[str], frames: int, strain: float, shift: float, seed: int) -> Structures:
    """Return crystals with random elements, sides changed by up to `strain`, atoms moved by up to `shift` Å rms."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(frames):
        atoms = crystal.copy()
        atoms.symbols[:] = rng.choice(elements, len(atoms))
        atoms.set_cell(atoms.cell.array * (1 + rng.uniform(-strain, strain)), scale_atoms=True)
        atoms.positions += rng.uniform(0.1, 1) * shift * rng.normal(size=atoms.positions.shape)
        found.append(atoms)
    return Structures.from_ase(found)


def labelled(labeler: Labeler, x: Structures) -> Dataset:
    """Return structures with the answers of a labeler."""
    answer = labeler.label(x, WANTED, np.random.default_rng(0))
    assert not answer.failures, answer.failures
    return rows(x, answer.values)


def metals(elements: list[str], side: float, shift: float = 0.15, frames: int = 80) -> Sample:
    """Return face-centred crystals of 32 atoms by effective medium theory; side: of the cubic cell, Å."""
    crystal = bulk(elements[0], "fcc", a=side, cubic=True).repeat(2)
    made = [shaken(crystal, elements, n, 0.04, shift, seed) for n, seed in ((frames, 1), (40, 2))]
    return Sample(*(labelled(AseCalculator("emt"), x) for x in made))


def copper(frames: int = 80) -> Sample:
    """Return copper."""
    return metals(["Cu"], 3.61, frames=frames)


def argon() -> Sample:
    """Return argon, solid and much shaken."""
    crystal = bulk("Ar", "fcc", a=5.3, cubic=True).repeat(2)
    made = [shaken(crystal, ["Ar"], n, 0.03, 0.25, seed) for n, seed in ((160, 1), (40, 2))]
    return Sample(*(labelled(LennardJones(switch=6.0, cutoff=7.0), x) for x in made))


def given(learned: list[str], unseen: list[str], frames: int = 40) -> Sample | None:
    """Return labelled data of others, below DATA; None where they are not. frames: to be tested on."""
    if not all((DATA / part).exists() for part in (*learned, *unseen)):
        return None
    told, asked = (rows(*read(Domain(), str(DATA), parts)) for parts in (learned, unseen))
    return Sample(told, asked[np.unique(np.linspace(0, len(asked) - 1, frames).astype(int))])


def water() -> Sample | None:
    """Return liquid water by density functional theory, 64 molecules, if the data are there."""
    return given([f"water_dft/data_{k}" for k in range(3)], ["water_dft/data_3"])


def acetylacetone() -> Sample | None:
    """Return molecules of acetylacetone at 300 K by density functional theory, if the data are there."""
    return given(["acetylacetone/train_300K.xyz"], ["acetylacetone/test_MD_300K.xyz"], frames=200)


def trained(model: NeuralPotential, sample: Sample, steps: int, seed: int = 1) -> Predictor:
    """Return what a whole training of so many steps makes of a sample."""
    torch.set_num_threads(1)
    model = replace(model, steps=steps, elements=sample.elements, device="cpu")
    state = model.init(sample.learned, stream(seed, "init"))
    state, _ = model.train(state, sample.learned, stream(seed, "train"))
    return model.predictor(state)


def errors(potential: Predictor, unseen: Dataset) -> dict[str, float]:
    """Return root mean square errors of energy (meV/atom) and force components (meV/Å)."""
    found = Domain().validation(unseen.configurations, potential.predict(unseen.configurations), unseen.labels)
    return {name: float(found[name]) for name in ERRORS}


def tell(**numbers: object) -> None:
    """Print what a figure shows, a line of JSON."""
    print(json.dumps({k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in numbers.items()}), flush=True)  # noqa: T201
