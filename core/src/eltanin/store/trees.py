"""Trees as JSON and arrays, and back: what may be in them is listed here, and opening one runs no code.

A tree is made of None, booleans, numbers, strings, lists, tuples, mappings with string keys, arrays
of any library (they come back as NumPy's), `Ragged` and batches; integers of an enumeration come
back as integers. JSON holds all but the arrays; what JSON has no word for is an object of one key,
which says what it is: ``{"tuple": [1, 2]}``. A batch is known by its package and name, and is looked
up among the types that are imported already; nothing is imported for a file.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from eltanin.batch import Batch, Ragged, columns_of, to_numpy

Arrays = dict[str, np.ndarray]
Node = Any  # of JSON

NUMBERS = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
LONGEST = 2**26  # characters of an array of strings
COMPLEX = {"c8": "f4", "c16": "f8"}


def encode(tree: Any) -> tuple[Node, Arrays]:
    """Return the skeleton of a tree, which is JSON, and its arrays by their place in it."""
    arrays: Arrays = {}
    return _encoded(tree, "", arrays), arrays


def decode(node: Node, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the tree; a ValueError tells of one that nobody has encoded, a LookupError of a type that is not known."""
    try:
        return _decoded(node, arrays)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"this is no tree: {type(error).__name__}: {error}") from error


def _decoded(node: Node, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(node, list):
        return _decoded_items(node, arrays)
    if not isinstance(node, dict):
        return node
    ((form, content),) = node.items()
    return FORMS[form](content, arrays)


def _encoded(value: Any, at: str, arrays: Arrays) -> Node:
    for kind, encoded in KINDS:
        if isinstance(value, kind):
            return encoded(value, at, arrays)
    if hasattr(value, "__array__"):
        return _encoded_array(to_numpy(value), at, arrays)
    raise TypeError(_refused(at, type(value).__qualname__))


def _encoded_plain(value: Any, at: str, arrays: Arrays) -> Node:
    del at, arrays
    return value.value if isinstance(value, Enum) else value


def _encoded_float(value: float, at: str, arrays: Arrays) -> Node:
    del at, arrays
    return value if math.isfinite(value) else {"float": repr(value)}


def _encoded_complex(value: complex, at: str, arrays: Arrays) -> Node:
    return {"complex": _items((value.real, value.imag), at, arrays)}


def _encoded_scalar(value: Any, at: str, arrays: Arrays) -> Node:
    return {"scalar": _encoded_array(np.asarray(value), at, arrays)}


def _encoded_mapping(value: Mapping[Any, Any], at: str, arrays: Arrays) -> Node:
    return {"dict": _named(value, at, arrays)}


def _encoded_tuple(value: tuple[Any, ...], at: str, arrays: Arrays) -> Node:
    return {"tuple": _items(value, at, arrays)}


def _encoded_ragged(value: Ragged, at: str, arrays: Arrays) -> Node:
    return {"ragged": _items((value.values, value.counts), at, arrays)}


def _encoded_batch(value: Batch, at: str, arrays: Arrays) -> Node:
    return {"batch": {"type": tag_of(type(value)), "columns": _named(columns_of(value), at, arrays)}}


def _items(values: Sequence[Any], at: str, arrays: Arrays) -> list[Node]:
    return [_encoded(item, f"{at}/{place}", arrays) for place, item in enumerate(values)]


def _named(values: Mapping[Any, Any], at: str, arrays: Arrays) -> dict[str, Node]:
    for name in values:
        if not isinstance(name, str):
            raise TypeError(f"at {at or 'the root'} a mapping has the key {name!r}: keys are strings; name it so")
    return {str(name): _encoded(item, f"{at}/{name}", arrays) for name, item in values.items()}


def _encoded_array(array: np.ndarray, at: str, arrays: Arrays) -> Node:
    kind = array.dtype.str[1:]
    if array.dtype.kind == "U":
        return {"strings": {"items": array.ravel().tolist(), "shape": list(array.shape), "width": int(kind[1:])}}
    name = at.lstrip("/") or "array"
    while name in arrays:  # "a/b" may be a key, and a path
        name += "'"
    if kind in NUMBERS:
        arrays[name] = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        return {"array": name}
    if kind in COMPLEX:  # real and imaginary part, on an axis of their own
        arrays[name] = np.asarray(array, dtype=f"<{kind}", order="C")[..., None].view(f"<{COMPLEX[kind]}")
        return {f"{kind} array": name}
    raise TypeError(_refused(at, f"an array of {array.dtype}"))


def _refused(at: str, what: str) -> str:
    return (
        f"at {at or 'the root'} there is {what}, which cannot be stored: a tree is made of None, booleans, numbers,"
        " strings, lists, tuples, mappings with string keys, arrays, Ragged and batches"
    )


# The first that fits: NumPy's float64 is a float too, and a bool an int.
KINDS: list[tuple[Any, Callable[[Any, str, Arrays], Node]]] = [
    (str | bool | int | None, _encoded_plain),
    (np.generic, _encoded_scalar),
    (float, _encoded_float),
    (complex, _encoded_complex),
    (list, _items),
    (tuple, _encoded_tuple),
    (Mapping, _encoded_mapping),
    (Ragged, _encoded_ragged),
    (Batch, _encoded_batch),
]


def _decoded_items(nodes: Sequence[Node], arrays: Mapping[str, np.ndarray]) -> list[Any]:
    return [_decoded(node, arrays) for node in nodes]


def _decoded_dict(nodes: Mapping[str, Node], arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    return {name: _decoded(node, arrays) for name, node in nodes.items()}


def _decoded_array(name: str, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    array = arrays[name]
    return array if array.flags.writeable else array.copy()


def _decoded_complex(kind: str) -> Callable[[str, Mapping[str, np.ndarray]], np.ndarray]:
    return lambda name, arrays: _decoded_array(name, arrays).view(f"<{kind}")[..., 0]


def _decoded_strings(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    del arrays
    width, items = int(content["width"]), content["items"]
    if not 0 <= width * len(items) <= LONGEST:
        raise ValueError(f"{len(items)} strings of {width} characters are too many")
    return np.array(items, dtype=f"<U{width}").reshape(content["shape"])


def _decoded_ragged(nodes: Sequence[Node], arrays: Mapping[str, np.ndarray]) -> Ragged:
    values, counts = _decoded_items(nodes, arrays)
    if counts.ndim != 1 or counts.dtype.kind not in "iu" or np.any(counts < 0) or int(np.sum(counts)) != len(values):
        raise ValueError("the counts of a ragged array do not add up to its rows")
    return Ragged(values, counts)


def _decoded_batch(content: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Batch:
    return batch_type(content["type"])(**_decoded_dict(content["columns"], arrays))


FORMS: dict[str, Callable[[Any, Mapping[str, np.ndarray]], Any]] = {
    "float": lambda text, arrays: float(text),  # noqa: ARG005
    "complex": lambda parts, arrays: complex(*_decoded_items(parts, arrays)),
    "scalar": lambda node, arrays: _decoded(node, arrays)[()],
    "tuple": lambda nodes, arrays: tuple(_decoded_items(nodes, arrays)),
    "dict": _decoded_dict,
    "array": _decoded_array,
    "c8 array": _decoded_complex("c8"),
    "c16 array": _decoded_complex("c16"),
    "strings": _decoded_strings,
    "ragged": _decoded_ragged,
    "batch": _decoded_batch,
}


def tag_of(cls: type) -> str:
    """Return what a batch type is known by: its package and name."""
    return f"{cls.__module__.partition('.')[0]}:{cls.__qualname__}"


def batch_type(tag: str) -> type[Any]:
    """Return the batch type of a tag, if a module that is imported already defines it."""
    found = {cls for cls in _below(Batch) if tag_of(cls) == tag and _is_of_its_module(cls)}
    package = tag.partition(":")[0]
    if not found:
        raise LookupError(
            f"it holds a {tag}, which is not known here: import {package} first, of the distribution"
            f" {package.replace('_', '-')}"
        )
    if len(found) > 1:
        raise LookupError(f"it holds a {tag}, and {package} has several of that name: rename all but one")
    return found.pop()


def _below(cls: type) -> Iterator[type]:
    for one in cls.__subclasses__():
        yield one
        yield from _below(one)


def _is_of_its_module(cls: type) -> bool:
    return getattr(sys.modules.get(cls.__module__), cls.__name__, None) is cls
