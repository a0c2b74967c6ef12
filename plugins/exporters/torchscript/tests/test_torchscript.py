"""An exported model says what ours says, in a process and in a language that know nothing of Eltanin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from eltanin.batch import Properties
from eltanin.protocols import Dataset
from eltanin_atoms.graphs import neighbour_graph
from eltanin_atoms.structures import Structures
from eltanin_behler_parrinello import BehlerParrinello
from eltanin_equivariant import Equivariant
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth
from eltanin_torchscript import TorchScript
from eltanin_zbl import ZBL

SITE = Path(torch.__file__).parents[1]
TORCH = SITE / "torch"
ELEMENTS = ["Mg", "Al"]

# With -S there are no site-packages, and so no Eltanin: torch is put in by hand.
ALONE = f"""
import sys
sys.path.append({str(SITE)!r})
import importlib.util, warnings
assert not any(importlib.util.find_spec(name) for name in ("eltanin", "eltanin_atoms", "eltanin_torchscript"))
warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
import torch
model = torch.jit.load(sys.argv[1])
answers = [model(*inputs) for inputs in torch.load(sys.argv[2])]
torch.save([list(a) for a in answers], sys.argv[3])
print(model.cutoff)
"""


@pytest.fixture(scope="module")
def frames() -> Structures:
    """A crystal in a skew cell smaller than the cutoff, a slab with a close pair, a cluster, an atom alone, and 160."""
    rng = np.random.default_rng(5)
    solid = bulk("Al", a=4.1, cubic=True)
    solid.symbols[1:3] = "Mg"
    solid.set_cell(solid.cell.array @ (np.eye(3) + 0.05 * rng.normal(size=(3, 3))), scale_atoms=True)
    solid.rattle(0.15, seed=1)
    slab = Atoms("AlMgAl", [[0, 0, 0], [0.9, 0.3, 0.2], [1.9, 2.4, 1.0]], cell=[4, 5, 0], pbc=[True, True, False])
    cluster = Atoms("Mg2Al2", np.eye(4, 3) * 2.7 + 0.1)
    many = bulk("Mg").repeat((5, 4, 4))  # more than are evaluated together
    many.rattle(0.1, seed=2)
    return Structures.from_ase([solid, slab, cluster, Atoms("Mg"), many])


KINDS: dict[str, dict[str, Any]] = {
    "table": {},
    "nets": {"intervals": 0},
    "by pairs": {"one_sided": False, "resnet_dt": True},
    "average": {"average": True},
    "average by pairs": {"average": True, "one_sided": False},
    "few neurons": {"neurons": [5], "axis": 5, "intervals": 0},
}


def member(frames: Structures, precision: str = "float64", **settings: Any) -> tuple[NeuralPotential, Any]:
    """Return a model and a state; the slab's close pair is news to its table."""
    inner = {"cutoff": 5.0, "smooth_from": 1.5, "neurons": [6, 12, 24], "axis": 4} | settings
    model = NeuralPotential(
        descriptor=Smooth(**inner), neurons=[16, 16], elements=ELEMENTS, precision=precision, device="cpu"
    )
    x = frames[[0, 2]]
    data = Dataset(
        x, Properties.of(energy=np.array([-9.0, -11.0])), *(np.zeros(2, int) for _ in range(3)), Properties.none(2)
    )
    return model, model.init(data, np.random.default_rng(2))


def inputs(x: Structures, cutoff: float) -> tuple[torch.Tensor, ...]:
    """Return what an exported model asks for, of one structure."""
    graph = neighbour_graph(x, cutoff, ELEMENTS)
    positions, numbers, cell = (torch.from_numpy(a) for a in (x.positions.values, x.numbers.values, x.cell[0]))
    return positions, numbers, cell, torch.stack([graph.centre, graph.neighbour]), graph.shift


def load(path: Path):
    with pytest.warns(DeprecationWarning, match=r"torch\.jit\.load"):
        return torch.jit.load(path)


def assert_ours(model: NeuralPotential, state: Any, frames: Structures, answers: Any, error: float) -> None:
    """Compare energies and virials per atom, and forces."""
    for k, (energy, forces, virial) in enumerate(answers):
        ours, n = model.predictor(state).predict(frames[[k]]).values, frames.counts[k]
        expected = (ours["energy"][0] / n, ours["forces"].values, ours["virial"][0] / n)
        columns = zip((energy / n, forces, virial / n), expected, strict=True)
        for name, (a, b) in zip(("energy", "forces", "virial"), columns, strict=True):
            assert np.isfinite(b).all()
            np.testing.assert_allclose(a, b, rtol=0, atol=error, err_msg=f"{name} of structure {k}")


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_ours_says(frames, tmp_path, kind):
    model, state = member(frames, **KINDS[kind])
    predicted = model.predictor(state).predict(frames).values
    assert np.abs(predicted["forces"].values).max() > 1e-2
    told = TorchScript().export(model, state, tmp_path / "a.pt")
    assert "closer than 5 Å of Mg, Al" in told
    loaded = load(tmp_path / "a.pt")
    for reach in (5.0, 7.0):  # pairs beyond the cutoff do no harm
        answers = [loaded(*inputs(frames[[k]], reach)) for k in range(len(frames))]
        assert_ours(model, state, frames, answers, 1e-12)


def test_a_model_with_a_table_meets_it_and_its_close_pairs_the_nets(frames, tmp_path):
    found = []
    for intervals in (8, 0):  # so coarse that it shows
        model, state = member(frames, intervals=intervals)
        TorchScript().export(model, state, tmp_path / "a.pt")
        loaded = load(tmp_path / "a.pt")
        found.append([loaded(*inputs(frames[[k]], 5.0)) for k in range(len(frames))])
        assert_ours(model, state, frames, found[-1], 1e-12)
    assert max(float(abs(a[0] - b[0])) for a, b in zip(*found, strict=True)) > 1e-7


def test_float32_is_ours_to_its_rounding(frames, tmp_path):
    model, state = member(frames, precision="float32")
    TorchScript().export(model, state, tmp_path / "a.pt")
    found = load(tmp_path / "a.pt")(*inputs(frames[[0]], 5.0))
    assert all(a.dtype == torch.float64 for a in found)
    assert_ours(model, state, frames, [found], 2e-5)


def test_a_program_with_nothing_but_torch_loads_it(frames, tmp_path):
    model, state = member(frames)
    TorchScript().export(model, state, tmp_path / "a.pt")
    torch.save([inputs(frames[[k]], 5.0) for k in range(len(frames))], tmp_path / "in.pt")
    words = [sys.executable, "-S", "-c", ALONE, *(str(tmp_path / name) for name in ("a.pt", "in.pt", "out.pt"))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "5.0"
    assert_ours(model, state, frames, torch.load(tmp_path / "out.pt"), 1e-12)


@pytest.mark.slow
def test_a_program_in_cpp_loads_it(frames, tmp_path):
    model, state = member(frames, average=True)
    TorchScript().export(model, state, tmp_path / "a.pt")
    folders = [f"-I{TORCH / 'include'}", f"-I{TORCH / 'include/torch/csrc/api/include'}", f"-L{TORCH / 'lib'}"]
    words = ["g++", "-std=c++20", *folders, str(Path(__file__).with_name("evaluate.cpp")), "-o", "evaluate"]
    links = [f"-Wl,-rpath,{TORCH / 'lib'}", "-Wl,--no-as-needed", "-ltorch", "-ltorch_cpu", "-lc10"]
    subprocess.run([*words, *links], cwd=tmp_path, check=True, timeout=250)
    answers = []
    for k in range(len(frames)):
        columns = inputs(frames[[k]], 5.0)
        text = "\n".join([f"{len(columns[0])} {columns[3].shape[1]}", *(_text(c) for c in columns)])
        done = subprocess.run(
            ["./evaluate", "a.pt"], cwd=tmp_path, input=text, capture_output=True, text=True, check=True, timeout=60
        )
        found, n = np.array(done.stdout.split(), dtype=float), 3 * len(columns[0])
        answers.append((found[0], found[1 : n + 1].reshape(-1, 3), found[n + 1 :].reshape(3, 3)))
    assert_ours(model, state, frames, answers, 1e-12)


def _text(column: torch.Tensor) -> str:
    return " ".join(
        f"{value:.17g}" if column.is_floating_point() else str(value) for value in column.flatten().tolist()
    )


def test_an_element_that_it_does_not_know_is_refused_there_too(frames, tmp_path):
    model, state = member(frames)
    TorchScript().export(model, state, tmp_path / "a.pt")
    positions, numbers, *rest = inputs(frames[[0]], 5.0)
    with pytest.raises(torch.jit.Error, match="an element that this model does not know"):
        load(tmp_path / "a.pt")(positions, numbers + 1, *rest)


def test_what_there_is_no_place_for_is_refused(frames, tmp_path):
    model, state = member(frames)
    path = tmp_path / "a.pt"
    with pytest.raises(ValueError, match=r"model\.repulsion"):
        TorchScript().export(NeuralPotential(descriptor=model.descriptor, repulsion=ZBL(), device="cpu"), state, path)
    with pytest.raises(ValueError, match="holds charges"):
        TorchScript().export(model, state | {"charges": np.zeros(2)}, path)
    with pytest.raises(ValueError, match="neural_potential with the descriptor smooth"):
        TorchScript().export(Smooth(), state, path)
    for descriptor in (LocalFrame(), LocalFrame(sort=False), BehlerParrinello(), Equivariant()):
        other = NeuralPotential(descriptor=descriptor, device="cpu")
        with pytest.raises(
            ValueError, match=r"hold a neural_potential with the descriptor smooth: train with .*=smooth"
        ):
            TorchScript().export(other, state, path)
    assert not path.exists()
