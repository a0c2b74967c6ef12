"""Models and structures that both sides are asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.geometry import get_distances

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.structures import Structures
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth


def water(molecules: int, cell: np.ndarray, rng: np.random.Generator) -> Atoms:
    """Return molecules of water at random, no closer than 1.4 Å to each other."""
    bent = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    placed = np.zeros((0, 3))
    while len(placed) < 3 * molecules:
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        one = bent @ turn.T + 0.05 * rng.normal(size=(3, 3)) + rng.uniform(size=3) @ cell
        if not len(placed) or get_distances(one, placed, cell=cell, pbc=True)[1].min() > 1.4:
            placed = np.concatenate([placed, one])
    return Atoms("OHH" * molecules, placed, cell=cell, pbc=True)


def alloy(rng: np.random.Generator) -> Atoms:
    """Return a strained and shaken cell of aluminium and magnesium."""
    atoms = bulk("Al", a=4.1, cubic=True).repeat((2, 2, 1))
    atoms.symbols[rng.permutation(16)[:6]] = "Mg"
    atoms.positions += 0.15 * rng.normal(size=(16, 3))
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + 0.04 * rng.normal(size=(3, 3))), scale_atoms=True)
    return atoms


@pytest.fixture(scope="session")
def systems() -> dict[str, Structures]:
    """Frames of water (a cell that is smaller than the cutoff, and a skew one) and of Al-Mg."""
    rng = np.random.default_rng(11)
    skew = np.array([[7.5, 0, 0], [1.5, 7.0, 0], [-1, 2, 6.5]])
    boxes = [np.eye(3) * 4.9, skew, skew]
    waters = [water(n, cell, rng) for n, cell in zip((4, 8, 8), boxes, strict=True)]
    return {"water": Structures.from_ase(waters), "alloy": Structures.from_ase([alloy(rng) for _ in range(3)])}


ELEMENTS = {"water": ["H", "O"], "alloy": ["Mg", "Al"]}
MODELS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "water": ("water", {"cutoff": 5.5}, {}),
    "water with an average": ("water", {"cutoff": 5.5, "average": True, "resnet_dt": True}, {"resnet_dt": False}),
    "alloy by pairs": ("alloy", {"cutoff": 5.0, "one_sided": False, "resnet_dt": True}, {"neurons": [8, 16, 16]}),
    "alloy by pairs with an average": ("alloy", {"cutoff": 5.0, "one_sided": False, "average": True}, {}),
    "alloy in few neurons": ("alloy", {"cutoff": 4.5, "neurons": [5], "axis": 5}, {"neurons": [7]}),
}


@pytest.fixture(scope="session", params=MODELS)
def member(request: pytest.FixtureRequest, systems: dict[str, Structures]) -> tuple[str, NeuralPotential, Any]:
    """A system's name, a model and the state of a member, whose bias and time steps are nothing special."""
    return made(request.param, systems)


@pytest.fixture(scope="session")
def names() -> list[str]:
    """All models by name."""
    return [*MODELS]


@pytest.fixture(scope="session")
def make(systems: dict[str, Structures]) -> Callable[..., tuple[str, NeuralPotential, Any]]:
    """What makes a member by its name, with settings of its own."""
    return lambda name, **settings: made(name, systems, **settings)


def made(name: str, systems: dict[str, Structures], **settings: Any) -> tuple[str, NeuralPotential, Any]:
    system, inner, outer = MODELS[name]
    about = {"smooth_from": 1.0, "neurons": [5, 10, 20], "axis": 4, "intervals": 0, **inner}
    told = {"neurons": [16, 16], "elements": ELEMENTS[system], **outer, **settings}
    model = NeuralPotential(descriptor=Smooth(**about), **told)
    rng, x = np.random.default_rng(len(name)), systems[system]
    n = len(x)
    labels = Properties.of(energy=rng.normal(-3, 1, n))
    row = np.zeros(n, int)
    state = model.init(Dataset(x, labels, row, row, np.full(n, np.nan), Properties.none(n)), rng)
    for net in [state["descriptor"], *state["fitting"]]:  # time steps begin near 0.1, where little would be noticed
        net |= {key: a + rng.uniform(0.2, 0.7, a.shape).astype(a.dtype) for key, a in net.items() if "idt" in key}
    return system, model, state


def waves(*shape: int, phase: float) -> np.ndarray:
    """Return numbers that anybody can make: sin(phase + 0.7 k), k = 0, 1, …"""
    return np.sin(phase + 0.7 * np.arange(np.prod(shape))).reshape(shape)


@pytest.fixture(scope="session")
def golden() -> tuple[NeuralPotential, Any, Structures]:
    """A model without any chance in it: nets by pairs, time steps, averages; and two frames."""
    inner = Smooth(cutoff=4.5, smooth_from=1.0, neurons=[3, 6], axis=2, one_sided=False, resnet_dt=True, intervals=0)
    model = NeuralPotential(descriptor=inner, neurons=[4, 4], elements=["O", "Cu"])
    fitting = {"weight_0": (12, 4), "bias_0": (1, 4), "weight_1": (4, 4), "bias_1": (1, 4), "idt_1": (1, 4)}
    fitting |= {"weight_out": (4, 1), "bias_out": (1, 1)}
    embedding = {"weight_0": (1, 3), "bias_0": (1, 3), "weight_1": (3, 6), "bias_1": (1, 6), "idt_1": (1, 6)}
    state = {
        "elements": ["O", "Cu"],
        "descriptor": {k: waves(4, *shape, phase=n) for n, (k, shape) in enumerate(embedding.items())},
        "fitting": [
            {k: waves(*shape, phase=10 * net + n) for n, (k, shape) in enumerate(fitting.items())} for net in (0, 1)
        ],
        "statistics": {
            "average": np.array([0.02, 0.03]),
            "radial": np.array([0.07, 0.08]),
            "angular": np.array([0.04, 0.05]),
            "places": np.array([30.0, 40.0]),
            "neighbours": np.array([70.0]),
            "end": np.array([20.0]),
        },
        "bias": np.array([-3.5, 1.25]),
        "trainings": 1,
    }
    cell = np.array([[5.1, 0, 0], [0.6, 4.7, 0], [-0.3, 0.8, 5.3]])
    frames = [
        Atoms("OCuCuOOCu", (places + 0.15 * waves(6, 3, phase=phase)) @ cell, cell=cell, pbc=True)
        for phase, places in ((0.0, LATTICE), (1.0, LATTICE))
    ]
    return model, state, Structures.from_ase(frames)


LATTICE = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0.5, 0]])


@pytest.fixture(scope="session")
def numbers() -> dict[str, np.ndarray]:
    """What DeePMD-kit 3.2.0 says of the golden model.

    It was exported by `Deepmd().export`, converted by `dp convert-backend golden.dp golden.pth`, and each
    frame given to `DeepPot("golden.pth").eval`; `make test-deepmd` does so again.
    """
    energy = [-11.707629057055385, -11.70493998095965]
    forces = [
        [0.01264179606647309, -0.02218859986418407, 0.02631020092363273],
        [0.02624765223625338, -0.04063335524498721, 0.00466008798884623],
        [-0.01780151396173358, 0.0160713314252234, -0.00443328997658889],
        [-0.00595802276775259, 0.00256410090857657, -0.03074326685243172],
        [0.03482520580329742, 0.01257266964350175, 0.00034178086768389],
        [-0.04995511737653772, 0.03161385313186956, 0.00386448704885778],
        [0.00768086701171005, -0.00143092876957291, 0.01906652314552261],
        [0.04778014264902748, 0.00811040754463278, 0.01834878264305525],
        [0.00422143045242865, -0.01046608431968574, 0.00663598045421154],
        [0.00847488872520194, -0.0058595612985681, -0.02702282675760101],
        [-0.03472295530854465, 0.00119082028797508, -0.00259646561934715],
        [-0.03343437352982347, 0.00845534655521889, -0.01443199386584124],
    ]
    virial = [
        [
            [-0.01219462361730832, -0.03794526450842706, -0.02479932597882372],
            [-0.03794526450842712, 0.02135453277551601, -0.036335603710653],
            [-0.02479932597882372, -0.03633560371065305, 0.1863232774312536],
        ],
        [
            [0.10870719555754574, -0.02247453927063064, -0.02786292320610581],
            [-0.02247453927063066, 0.06033622441910796, -0.05002297939775625],
            [-0.02786292320610585, -0.05002297939775621, 0.09546682766470516],
        ],
    ]
    return {"energy": np.array(energy), "forces": np.array(forces), "virial": np.array(virial)}
