"""A model of DeePMD-kit as settings and a state of Eltanin's; what these do not know is refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase.data import atomic_numbers

from eltanin_deepmd.nets import Arrays, Tree, expect, hidden_arrays, last_arrays

NEAREST = 1.0  # Å; how close a table reaches where the file does not say how close atoms were
MARGIN = 1.25  # and further, in q
# What the model may say of itself; for what it leaves out, this is DeePMD-kit's own default.
PLAIN: dict[str, dict[str, Any]] = {
    "model": {"@class": "Model", "type": "standard", "atom_exclude_types": [], "pair_exclude_types": []},
    "descriptor": {"type": "se_e2_a", "exclude_types": [], "env_protection": 0.0, "activation_function": "tanh"}
    | {"spin": None, "compress": None},
    "env_mat": {"protection": 0.0, "use_exp_switch": False},
    "fitting": {"type": "ener", "numb_fparam": 0, "numb_aparam": 0, "dim_case_embd": 0, "default_fparam": None}
    | {"activation_function": "tanh", "mixed_types": False, "exclude_types": [], "tot_ener_zero": False}
    | {"use_aparam_as_mask": False, "spin": None, "dim_out": 1, "var_name": "energy"},
}


def settings_and_state(content: Tree, intervals: int) -> tuple[Tree, Tree]:
    """Return the settings of a `neural_potential`, and its state."""
    model: Tree = content["model"]
    expect(model, PLAIN["model"], "model")
    inner, outer = model["descriptor"], model["fitting"]
    expect(inner, PLAIN["descriptor"], "descriptor")
    expect(inner["env_mat"], PLAIN["env_mat"], "descriptor.env_mat")
    expect(outer, PLAIN["fitting"], "fitting")
    if any(one is not None for one in outer.get("atom_ener") or []):
        raise ValueError("fitting.atom_ener is given: energies of atoms alone that a net is held to are not known here")
    elements, precision = _elements(model), _precision(inner, outer)
    descriptor = {
        "_name_": "smooth",
        "cutoff": float(inner["rcut"]),
        "smooth_from": float(inner["rcut_smth"]),
        "neurons": [int(n) for n in inner["neuron"]],
        "axis": int(inner["axis_neuron"]),
        "one_sided": bool(inner["type_one_side"]),
        "resnet_dt": bool(inner["resnet_dt"]),
        "intervals": intervals,
    }
    settings = {
        "_name_": "neural_potential",
        "descriptor": descriptor,
        "neurons": [int(n) for n in outer["neuron"]],
        "resnet_dt": bool(outer["resnet_dt"]),
        "elements": elements,
        "precision": precision,
    }
    statistics = _statistics(inner, len(elements), content.get("@variables") or {})
    descriptor["average"] = bool(statistics["average"].any())
    state = {
        "elements": elements,
        "descriptor": _embeddings(inner, descriptor, len(elements)),
        "fitting": _fittings(outer, settings, len(elements)),
        "statistics": statistics,
        "bias": _bias(model, outer, len(elements)),
        "trainings": 1,
    }
    return settings, state


def _elements(model: Tree) -> list[str]:
    names = [str(name) for name in model["type_map"]]
    if odd := [name for name in names if name not in atomic_numbers]:
        raise ValueError(
            f"type_map names {', '.join(odd)}: types are chemical elements here; rename them in the training input"
            " and train again, or merge what is one element"
        )
    if len(set(names)) < len(names):
        raise ValueError(f"type_map={names}: an element stands there twice")
    return names


def _precision(inner: Tree, outer: Tree) -> str:
    told = [str(part["precision"]) for part in (inner, outer)]
    found = {"float64" if name in ("default", "double") else name for name in told}
    if len(found) > 1 or not found <= {"float32", "float64"}:
        raise ValueError(f"precision={' and '.join(sorted(found))}: nets are all in float32 or all in float64 here")
    return found.pop()


def _statistics(inner: Tree, kinds: int, beside: Mapping[str, Any]) -> Arrays:
    sel = np.array(inner["sel"], dtype=np.float64)
    average, deviation = (np.asarray(inner["@variables"][k], np.float64) for k in ("davg", "dstd"))
    shape = (kinds, int(sel.sum()), 4)
    if not average.shape == deviation.shape == shape or len(sel) != kinds or sel.min() < 0:
        raise ValueError(f"descriptor: davg {average.shape} and dstd {deviation.shape} should have the shape {shape}")
    mu, sigma = average[:, :1], deviation[:, :1]
    alike = (average == mu).all() and (deviation == sigma).all() and (sigma[..., 1:] == sigma[..., 1:2]).all()
    numbers = np.isfinite(mu).all() and np.isfinite(sigma).all() and (sigma > 0).all()
    if not (alike and numbers) or mu[..., 1:].any():
        raise ValueError("descriptor: davg and dstd differ between slots or directions, or are no deviations")
    statistics = {"average": mu[:, 0, 0], "radial": sigma[:, 0, 0], "angular": sigma[:, 0, 1]}
    nearest = float(beside.get("min_nbor_dist") or NEAREST)
    end = MARGIN * ((1 / nearest - statistics["average"]) / statistics["radial"]).max(keepdims=True)
    return statistics | {"places": sel, "neighbours": sel.sum(keepdims=True), "end": end}


def _embeddings(inner: Tree, descriptor: Tree, kinds: int) -> Arrays:
    one_sided = descriptor["one_sided"]
    nets = _networks(inner["embeddings"], kinds, 1 if one_sided else 2, "descriptor.embeddings")
    widths = [1, *descriptor["neurons"]]
    found = [
        hidden_arrays(net["layers"], widths, descriptor["resnet_dt"], f"descriptor.embeddings.networks[{k}]")
        for k, net in enumerate(nets)
    ]
    if not one_sided:  # a file goes by neighbour and then centre
        found = [found[other * kinds + centre] for centre in range(kinds) for other in range(kinds)]
    return {name: np.stack([net[name] for net in found]) for name in found[0]}


def _fittings(outer: Tree, settings: Tree, kinds: int) -> list[Arrays]:
    descriptor, widths = settings["descriptor"], settings["neurons"]
    size, found = descriptor["neurons"][-1] * descriptor["axis"], []
    for k, net in enumerate(_networks(outer["nets"], kinds, 1, "fitting.nets")):
        *hidden, last = net["layers"]
        at = f"fitting.nets.networks[{k}]"
        arrays = hidden_arrays(hidden, [size, *widths], settings["resnet_dt"], at)
        found.append(arrays | last_arrays(last, widths[-1], at))
    return found


def _networks(collection: Tree, kinds: int, ndim: int, at: str) -> Sequence[Tree]:
    expect(collection, {"ndim": ndim, "ntypes": kinds}, at)
    nets = collection["networks"]
    if len(nets) != kinds**ndim or None in nets:
        raise ValueError(f"{at} holds {len(nets)} nets, {kinds**ndim} are needed, and none may be missing")
    return nets


def _bias(model: Tree, outer: Tree, kinds: int) -> np.ndarray:
    parts = (model["@variables"]["out_bias"], outer["@variables"]["bias_atom_e"])
    if any(np.size(part) != kinds or not np.isfinite(part).all() for part in parts):
        raise ValueError(f"out_bias and bias_atom_e should hold {kinds} energies, one for each type")
    first, second = (np.asarray(part, dtype=np.float64).reshape(-1) for part in parts)
    return first + second
