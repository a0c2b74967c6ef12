"""Files of DeePMD-kit's native form, without DeePMD-kit: there and back, refusals, and numbers it once gave."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from eltanin_atoms.structures import Structures
from eltanin_deepmd import Deepmd, container
from eltanin_local_frame import LocalFrame
from eltanin_neural_potential import NeuralPotential
from eltanin_smooth import Smooth
from eltanin_zbl import ZBL


def rebuilt(settings: dict[str, Any]) -> NeuralPotential:
    """The model of the settings that were read."""
    outer = {key: value for key, value in settings.items() if key not in ("_name_", "descriptor")}
    inner = {key: value for key, value in settings["descriptor"].items() if key != "_name_"}
    return NeuralPotential(descriptor=Smooth(**inner), **outer)


def there_and_back(path: Path, model: NeuralPotential, state: Any, **settings: Any):
    Deepmd(**settings).export(model, state, path)
    found, again = Deepmd().read(path)
    return rebuilt(found), again


def columns(model: NeuralPotential, state: Any, x: Structures) -> dict[str, np.ndarray]:
    found = model.predictor(state).predict(x).values
    return {"energy": found["energy"], "forces": found["forces"].values, "virial": found["virial"]}


def assert_alike(a: dict[str, np.ndarray], b: dict[str, np.ndarray], error: float) -> None:
    for name, column in a.items():
        assert np.isfinite(column).all()
        np.testing.assert_allclose(b[name], column, rtol=0, atol=error, err_msg=name)


def test_numbers_are_those_of_deepmd_kit(golden, numbers):
    model, state, x = golden
    assert_alike(numbers, columns(model, state, x), 1e-13)


@pytest.mark.parametrize("sel", [[], [70, 90]])
def test_there_and_back_is_the_same_potential(member, systems, tmp_path, sel):
    system, model, state = member
    settings = {} if state["statistics"]["average"].any() else {"sel": sel}
    again, back = there_and_back(tmp_path / "a.dp", model, state, **settings)
    assert replace(again, descriptor=model.descriptor, steps=model.steps) == model
    assert_alike(columns(model, state, systems[system]), columns(again, back, systems[system]), 1e-11)


def test_in_float32_too(make, systems, tmp_path):
    system, model, state = make("alloy by pairs", precision="float32")
    again, back = there_and_back(tmp_path / "a.dp", model, state)
    assert again.precision == "float32"
    assert back["fitting"][0]["weight_0"].dtype == np.float32
    assert_alike(columns(model, state, systems[system]), columns(again, back, systems[system]), 2e-4)


def test_there_is_room_for_more_neighbours_than_the_data_had(make, tmp_path):
    _, model, state = make("water")
    places = state["statistics"]["places"]
    told = Deepmd(margin=1.5).export(model, state, tmp_path / "a.dp")
    sel = container.read(tmp_path / "a.dp")["model"]["descriptor"]["sel"]
    for found, most in zip(sel, places, strict=True):
        assert 1.5 * most <= found < 1.5 * most + 4
        assert found % 4 == 0
    assert f"{sel[0]} H, {sel[1]} O" in told
    with pytest.raises(ValueError, match=r"sel=\[1, 100\].*as many or more"):
        Deepmd(sel=[1, 100]).export(model, state, tmp_path / "a.dp")
    with pytest.raises(ValueError, match=r"margin=0\.5"):
        Deepmd(margin=0.5)


def test_places_that_count_cannot_be_chosen(make, tmp_path):
    _, model, state = make("water with an average")
    with pytest.raises(ValueError, match="leave sel out"):
        Deepmd(sel=[100, 100]).export(model, state, tmp_path / "a.dp")


def test_a_residual_on_the_first_layer_keeps_its_scale(make, tmp_path):
    _, model, state = make("water")
    narrow = replace(model, descriptor=replace(model.descriptor, neurons=[2, 4], axis=2))
    for net in (0, 1):
        state["fitting"][net]["weight_0"] = state["fitting"][net]["weight_0"][:8]
    state["descriptor"] = {k: a[..., : 2 ** (1 + int(k[-1]))] for k, a in state["descriptor"].items() if k[-1] in "01"}
    state["descriptor"]["weight_1"] = state["descriptor"]["weight_1"][:, :2]
    with pytest.raises(ValueError, match="begins with 2"):
        Deepmd().export(narrow, state, tmp_path / "a.dp")


def test_the_nearest_distance_is_where_the_table_ends(make, tmp_path):
    _, model, state = make("water")
    Deepmd().export(model, state, tmp_path / "a.dp")
    r = float(container.read(tmp_path / "a.dp")["@variables"]["min_nbor_dist"])
    u = max(0.0, (r - 1.0) / 4.5)
    s = (u**3 * (-6 * u**2 + 15 * u - 10) + 1) / r
    assert s == pytest.approx(float((state["statistics"]["end"] * state["statistics"]["radial"]).max()), rel=1e-12)


def test_other_models_have_no_place(make, tmp_path):
    _, model, state = make("water")
    with pytest.raises(ValueError, match=r"hold a neural_potential with the descriptor smooth: train with .*smooth"):
        Deepmd().export(replace(model, descriptor=Other()), state, tmp_path / "a.dp")
    with pytest.raises(ValueError, match=r"with local_frame: .*eltanin\.calculator"):
        Deepmd().export(replace(model, descriptor=LocalFrame()), state, tmp_path / "a.dp")
    with pytest.raises(ValueError, match=r"model\.repulsion: .*wrong without it: train with model/repulsion=null"):
        Deepmd().export(replace(model, repulsion=ZBL()), state, tmp_path / "a.dp")
    assert not any(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"Other: .*hold a neural_potential"):
        Deepmd().export(Other(), state, tmp_path / "a.dp")


class Other:
    cutoff = 5.0


def told(tree: Any, at: str, value: Any) -> None:
    """Change what a tree says at a place."""
    *way, last = at.split(".")
    for step in way:
        tree = tree[int(step) if step.isdecimal() else step]
    if value is None:
        del tree[last]
    else:
        tree[last] = value


FIRST = "descriptor.embeddings.networks.0.layers.0"
REFUSED = {
    "type": ("type", "linear_ener", "model.type=linear_ener"),
    "atom_exclude_types": ("atom_exclude_types", [1], r"model.atom_exclude_types=\[1\]"),
    "pair_exclude_types": ("pair_exclude_types", [[0, 1]], "model.pair_exclude_types"),
    "names": ("type_map", ["HW", "O"], "type_map names HW"),
    "twice": ("type_map", ["O", "O"], "stands there twice"),
    "descriptor": ("descriptor.type", "dpa1", "descriptor.type=dpa1"),
    "excluded": ("descriptor.exclude_types", [[0, 1]], "descriptor.exclude_types"),
    "protection": ("descriptor.env_protection", 0.01, "descriptor.env_protection=0.01"),
    "environment": ("descriptor.env_mat.protection", 0.01, "env_mat.protection=0.01"),
    "switch": ("descriptor.env_mat.use_exp_switch", True, "env_mat.use_exp_switch=True"),
    "activation": ("descriptor.activation_function", "gelu", "descriptor.activation_function=gelu"),
    "compressed": ("descriptor.compress", {"@variables": {}}, "descriptor.compress"),
    "spin": ("descriptor.spin", {"use_spin": [True]}, "descriptor.spin"),
    "layer": (f"{FIRST}.activation_function", "relu", r"layers\[0\].activation_function=relu"),
    "no bias": (f"{FIRST}.bias", False, r"layers\[0\].bias=False"),
    "no residual": ("descriptor.embeddings.networks.0.layers.1.resnet", False, r"layers\[1\].resnet=False"),
    "precision": ("descriptor.precision", "bfloat16", "precision=bfloat16 and float64"),
    "two precisions": ("fitting.precision", "float32", "precision=float32 and float64"),
    "fitting": ("fitting.type", "dipole", "fitting.type=dipole"),
    "parameters": ("fitting.numb_fparam", 2, "fitting.numb_fparam=2"),
    "of atoms": ("fitting.numb_aparam", 1, "fitting.numb_aparam=1"),
    "cases": ("fitting.dim_case_embd", 3, "fitting.dim_case_embd=3"),
    "one net": ("fitting.mixed_types", True, "fitting.mixed_types=True"),
    "vacuum": ("fitting.atom_ener", [None, -1.0], "fitting.atom_ener"),
    "zero": ("fitting.tot_ener_zero", True, "fitting.tot_ener_zero=True"),
    "missing net": ("descriptor.embeddings.networks", [None, None], "none may be missing"),
    "depth": ("descriptor.neuron", [5, 10], "3 hidden layers, and its neuron names 2"),
    "width": (f"{FIRST}.@variables.w", np.zeros((1, 4)), r"shape \(1, 4\).* should be \(1, 5\)"),
    "not a number": (f"{FIRST}.@variables.b", np.full(5, np.nan), "finite numbers"),
    "no part": ("descriptor.rcut", None, "release 3"),
    "slots": ("descriptor.sel", [3, 4], "should have the shape"),
    "bias": ("@variables.out_bias", np.zeros((1, 3, 1)), "2 energies"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_place_is_refused_by_name(make, tmp_path, case):
    at, value, message = REFUSED[case]
    _, model, state = make("water")
    path = tmp_path / "a.dp"
    Deepmd().export(model, state, path)
    tree = container.read(path)
    told(tree["model"], at, value)
    container.write(path, tree)
    with pytest.raises(ValueError, match=message):
        Deepmd().read(path)


@pytest.mark.parametrize(("place", "value"), [((0, 3, 0), 0.1), ((0, 0, 2), 0.1)])
def test_averages_are_those_of_a_centre(make, tmp_path, place, value):
    _, model, state = make("water")
    path = tmp_path / "a.dp"
    Deepmd().export(model, state, path)
    tree = container.read(path)
    tree["model"]["descriptor"]["@variables"]["davg"][place] = value
    container.write(path, tree)
    with pytest.raises(ValueError, match="davg and dstd differ between slots or directions"):
        Deepmd().read(path)


class TestContainer:
    def test_a_tree_comes_back(self, tmp_path):
        tree = {"a": [1, {"@variables": {"w": np.arange(6.0).reshape(2, 3), "idt": None}}], "b": "x", "c": None}
        container.write(tmp_path / "a.dp", tree)
        again = container.read(tmp_path / "a.dp")
        np.testing.assert_array_equal(again["a"][1]["@variables"].pop("w"), tree["a"][1]["@variables"].pop("w"))
        assert again == tree
        assert [path.name for path in tmp_path.iterdir()] == ["a.dp"]

    def test_links_lead_nowhere(self, tmp_path):
        with h5py.File(tmp_path / "secret.h5", "w") as file:
            file["s"] = np.ones(3)
        with h5py.File(tmp_path / "a.dp", "w") as file:
            file["variable_0000"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/s")
            file.attrs["json"] = json.dumps({"@variables": {"w": "/variable_0000"}})
        with pytest.raises(ValueError, match="'/variable_0000' is not an array in it"):
            container.read(tmp_path / "a.dp")

    def test_arrays_kept_elsewhere_are_not_fetched(self, tmp_path):
        (tmp_path / "raw").write_bytes(np.ones(3).tobytes())
        with h5py.File(tmp_path / "a.dp", "w") as file:
            file.create_dataset("v", (3,), "f8", external=[(str(tmp_path / "raw"), 0, 24)])
            file.attrs["json"] = json.dumps({"@variables": {"w": "/v"}})
        with pytest.raises(ValueError, match="'/v' is not an array in it"):
            container.read(tmp_path / "a.dp")

    @pytest.mark.parametrize("how", [{"compression": "gzip"}, {"chunks": (2**10,)}, {"maxshape": (None,)}])
    def test_little_does_not_stand_for_much(self, tmp_path, how):
        with h5py.File(tmp_path / "a.dp", "w") as file:
            file.create_dataset("v", (2**40,), "f8", **how)
            file.attrs["json"] = json.dumps({"@variables": {"w": "/v"}})
        with pytest.raises(ValueError, match="'/v' stands for more than the file holds"):
            container.read(tmp_path / "a.dp")

    def test_nor_is_it_read_again_and_again(self, tmp_path):
        with h5py.File(tmp_path / "a.dp", "w") as file:
            file["v"] = np.ones(1000)
            file.attrs["json"] = json.dumps({"@variables": {f"w{k}": "/v" for k in range(1000)}})
        with pytest.raises(ValueError, match="'/v' stands for more than the file holds"):
            container.read(tmp_path / "a.dp")

    @pytest.mark.parametrize(
        ("content", "why"), [(None, "does not exist"), (b"text", "is no model file"), (b"", "is no model file")]
    )
    def test_other_files_are_told_apart(self, tmp_path, content, why):
        path = tmp_path / "a.dp"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ValueError, match=why):
            container.read(path)

    @pytest.mark.parametrize("said", [None, "[1]", "{", '{"@variables": {"a": "/nowhere"}}'])
    def test_and_those_of_another_form(self, tmp_path, said):
        with h5py.File(tmp_path / "a.dp", "w") as file:
            if said is not None:
                file.attrs["json"] = said
        with pytest.raises(ValueError, match="is no model file of DeePMD-kit"):
            container.read(tmp_path / "a.dp")
