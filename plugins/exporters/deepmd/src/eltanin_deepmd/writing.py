"""A trained member in the words of DeePMD-kit: its own dict of a model with se_e2_a and energy fitting.

DeePMD-kit divides by the number of its slots where Eltanin divides by N, and an empty slot adds nothing
as long as the average is zero. So any `sel` is exact that no atom exceeds, and with c = Σ sel / N

    R/σ · c = R / (σ/c),     G(q) = G'(c q)  with  W_0' = W_0 / c,     (1/Σ sel) Σ_j c R_j G_j = A
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eltanin_deepmd.nets import COLLECTION, Arrays, Tree, embedding, fitting, has_skip


def model(settings: Any, state: Mapping[str, Any], sel: Sequence[int]) -> Tree:
    """Return the content of a file; settings: of a `neural_potential` with the descriptor `smooth`."""
    elements, precision = [*state["elements"]], str(settings.precision)
    inner, outer = _descriptor(settings.descriptor, state, sel, precision), _fitting(settings, state, precision)
    bias = np.asarray(state["bias"], dtype=np.float64).reshape(1, -1, 1)
    whole = {
        "@class": "Model",
        "type": "standard",
        "@version": 2,
        "type_map": elements,
        "atom_exclude_types": [],
        "pair_exclude_types": [],
        "rcond": None,
        "preset_out_bias": None,
        "@variables": {"out_bias": bias, "out_std": np.ones_like(bias)},
        "descriptor": inner,
        "fitting": outer,
    }
    told = ("type", "rcut", "rcut_smth", "sel", "neuron", "axis_neuron", "resnet_dt", "type_one_side", "precision")
    script = {
        "type_map": elements,
        "descriptor": {key: inner[key] for key in told},
        "fitting_net": {key: outer[key] for key in ("type", "neuron", "resnet_dt", "precision")},
    }
    beside = {"min_nbor_dist": np.array(nearest(settings.descriptor, state["statistics"]))}
    about = {"software": "eltanin", "backend": "Eltanin", "model_def_script": script}
    return about | {"model": whole, "@variables": beside}


def nearest(settings: Any, statistics: Mapping[str, Any]) -> float:
    """Return how close two atoms come before they leave the table, Å: `dp compress` makes its own reach there."""
    average, radial, end = (np.asarray(statistics[name], dtype=np.float64) for name in ("average", "radial", "end"))
    s = float((end * radial + average).max())
    low, high = 0.0, float(settings.cutoff)
    while (middle := (low + high) / 2) not in (low, high):  # s(r) falls
        u = np.clip((middle - settings.smooth_from) / (settings.cutoff - settings.smooth_from), 0, 1)
        below = u**3 * (-6 * u**2 + 15 * u - 10) + 1 < s * middle
        low, high = (low, middle) if below else (middle, high)
    return low


def _descriptor(settings: Any, state: Mapping[str, Any], sel: Sequence[int], precision: str) -> Tree:
    kinds, slots = len(state["elements"]), sum(sel)
    numbers = {name: np.asarray(a, dtype=np.float64) for name, a in state["statistics"].items()}
    ratio = slots / float(numbers["neighbours"][0])
    average, deviation = np.zeros((kinds, slots, 4)), np.empty((kinds, slots, 4))
    average[..., 0] = numbers["average"][:, None]
    deviation[..., 0] = numbers["radial"][:, None] / ratio
    deviation[..., 1:] = numbers["angular"][:, None, None] / ratio
    about = {"activation_function": "tanh", "resnet_dt": bool(settings.resnet_dt), "precision": precision}
    widths = [*settings.neurons]
    stack = _stretched(state["descriptor"], ratio, widths[0])
    nets = [embedding({k: a[n] for k, a in stack.items()}, widths, about) for n in _order(kinds, settings.one_sided)]
    cutoffs = {"rcut": float(settings.cutoff), "rcut_smth": float(settings.smooth_from)}
    return {
        "@class": "Descriptor",
        "type": "se_e2_a",
        "@version": 2,
        **cutoffs,
        "sel": [*sel],
        "neuron": widths,
        "axis_neuron": int(settings.axis),
        **about,
        "trainable": True,
        "type_one_side": bool(settings.one_sided),
        "exclude_types": [],
        "env_protection": 0.0,
        "set_davg_zero": not average.any(),
        "spin": None,
        "env_mat": {**cutoffs, "protection": 0.0, "use_exp_switch": False},
        "embeddings": COLLECTION
        | {"ndim": 1 if settings.one_sided else 2, "ntypes": kinds, "network_type": "embedding_network"}
        | {"networks": nets},
        "@variables": {"davg": average, "dstd": deviation},
        "type_map": [*state["elements"]],
    }


def _stretched(stack: Mapping[str, Any], ratio: float, width: int) -> Arrays:
    """Return the embedding nets as functions of q times the ratio."""
    found = {name: np.asarray(a, dtype=np.float64) for name, a in stack.items()}
    if ratio != 1 and has_skip(1, width):
        raise ValueError(
            f"model.descriptor.neurons begins with {width}, and its residual fixes the scale of what it reads:"
            " such a model goes to DeePMD-kit only with as many slots in `sel` as it counts neighbours"
        )
    return found | {"weight_0": found["weight_0"] / ratio}


def _order(kinds: int, one_sided: bool) -> list[int]:
    """Return which of Eltanin's nets, by centre and then neighbour, comes at each place of a file."""
    if one_sided:
        return [*range(kinds)]
    return [centre * kinds + other for other in range(kinds) for centre in range(kinds)]


def _fitting(settings: Any, state: Mapping[str, Any], precision: str) -> Tree:
    kinds, widths = len(state["elements"]), [*settings.neurons]
    size = settings.descriptor.neurons[-1] * settings.descriptor.axis
    about = {"activation_function": "tanh", "resnet_dt": bool(settings.resnet_dt), "precision": precision}
    nets = [fitting({k: np.asarray(a) for k, a in net.items()}, size, widths, about) for net in state["fitting"]]
    unused = ("case_embd", "fparam_avg", "fparam_inv_std", "aparam_avg", "aparam_inv_std")
    return {
        "@class": "Fitting",
        "type": "ener",
        "@version": 4,
        "var_name": "energy",
        "ntypes": kinds,
        "dim_descrpt": size,
        "dim_out": 1,
        "neuron": widths,
        **about,
        "numb_fparam": 0,
        "numb_aparam": 0,
        "dim_case_embd": 0,
        "default_fparam": None,
        "rcond": None,
        "mixed_types": False,
        "exclude_types": [],
        "nets": COLLECTION | {"ndim": 1, "ntypes": kinds, "network_type": "fitting_network"} | {"networks": nets},
        "@variables": {"bias_atom_e": np.zeros((kinds, 1)), **dict.fromkeys(unused)},
        "type_map": [*state["elements"]],
        "tot_ener_zero": False,
        "trainable": [True] * (len(widths) + 1),
        "layer_name": None,
        "use_aparam_as_mask": False,
        "spin": None,
        "atom_ener": [],
    }
