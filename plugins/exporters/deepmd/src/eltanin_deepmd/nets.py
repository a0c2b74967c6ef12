"""Nets in the words of DeePMD-kit's files, from and to stacks of arrays.

A layer is y = tanh(x w + b) [· idt], plus x or (x, x) where the widths agree or double: both sides
know the same rules, w has the shape (in, out) on both, and only the names differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]
Tree = dict[str, Any]
OUTER = {"weight": "w", "bias": "b", "idt": "idt"}
COLLECTION = {"@class": "NetworkCollection", "@version": 1}


def has_skip(n: int, m: int) -> bool:
    """Say whether a layer from width n to m has a residual, and so may have a time step."""
    return m in (n, 2 * n)


def embedding(net: Mapping[str, np.ndarray], widths: Sequence[int], about: Tree) -> Tree:
    """Return an embedding net."""
    head = {"@class": "EmbeddingNetwork", "@version": 2, "in_dim": 1, "neuron": [*widths], "bias": True}
    return head | about | {"layers": _hidden(net, [1, *widths], about["precision"])}


def fitting(net: Mapping[str, np.ndarray], size: int, widths: Sequence[int], about: Tree) -> Tree:
    """Return a fitting net."""
    head = {"@class": "FittingNetwork", "@version": 1, "in_dim": size, "out_dim": 1, "neuron": [*widths]}
    last = _layer({"weight": net["weight_out"], "bias": net["bias_out"]}, about["precision"], hidden=False)
    layers = [*_hidden(net, [size, *widths], about["precision"]), last]
    return head | about | {"bias_out": True, "layers": layers}


def _hidden(net: Mapping[str, np.ndarray], widths: Sequence[int], precision: str) -> list[Tree]:
    one = ({kind: net.get(f"{kind}_{k}") for kind in OUTER} for k in range(len(widths) - 1))
    return [_layer(arrays, precision, hidden=True) for arrays in one]


def _layer(arrays: Mapping[str, np.ndarray | None], precision: str, hidden: bool) -> Tree:
    w, b, idt = (None if (a := arrays.get(kind)) is None else a.astype(precision) for kind in OUTER)
    assert b is not None
    return {
        "@class": "Layer",
        "@version": 2,
        "bias": True,
        "use_timestep": idt is not None,
        "activation_function": "tanh" if hidden else "none",
        "resnet": hidden,
        "precision": precision,
        "trainable": True,
        "@variables": {"w": w, "b": b.reshape(-1), "idt": None if idt is None else idt.reshape(-1)},
    }


def hidden_arrays(layers: Sequence[Tree], widths: Sequence[int], timestep: bool, at: str) -> Arrays:
    """Return the arrays of hidden layers, after a look at all that they say."""
    if len(layers) != len(widths) - 1:
        raise ValueError(f"{at} has {len(layers)} hidden layers, and its neuron names {len(widths) - 1}")
    net: Arrays = {}
    for k, (layer, (n, m)) in enumerate(zip(layers, pairwise(widths), strict=True)):
        place = f"{at}.layers[{k}]"
        expect(layer, {"activation_function": "tanh", "bias": True}, place)
        if has_skip(n, m):
            expect(layer, {"resnet": True, "use_timestep": timestep}, place)
        variables = layer["@variables"]
        net |= {f"weight_{k}": _of(variables["w"], (n, m), place), f"bias_{k}": _of(variables["b"], (1, m), place)}
        if has_skip(n, m) and timestep:
            net[f"idt_{k}"] = _of(variables["idt"], (1, m), place)
    return net


def last_arrays(layer: Tree, width: int, at: str) -> Arrays:
    """Return the arrays of the linear layer at the end of a fitting net."""
    expect(layer, {"activation_function": "none", "bias": True, "use_timestep": False}, f"{at}.layers[-1]")
    variables = layer["@variables"]
    return {"weight_out": _of(variables["w"], (width, 1), at), "bias_out": _of(variables["b"], (1, 1), at)}


def expect(node: Mapping[str, Any], expected: Mapping[str, Any], at: str) -> None:
    """Refuse what a node says, if it is not what is expected."""
    for key, value in expected.items():
        if (found := node.get(key, value)) != value:
            raise ValueError(f"{at}.{key}={found}: this model of Eltanin knows {key}={value} alone")


def _of(values: Any, shape: tuple[int, ...], at: str) -> np.ndarray:
    found = np.asarray(values)
    if found.size != np.prod(shape) or found.dtype.kind != "f" or not np.isfinite(found).all():
        raise ValueError(
            f"{at}: an array of shape {found.shape} and type {found.dtype} should be {shape}, finite numbers"
        )
    return found.reshape(shape)
