"""A disk that dies at its n-th operation, and trees that are compared to the last bit."""

import os
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields, is_dataclass

import numpy as np

OPERATIONS = ("write", "fsync", "replace", "link", "unlink", "mkdir")


class PowerCut(BaseException):
    """The machine is off."""


@contextmanager
def power_cut(monkeypatch, after):
    """Let so many operations succeed; half of the next write, and nothing later, reaches the disk."""
    done = [0]

    def failing(name, real):
        def operation(*args, **options):
            done[0] += 1
            if done[0] <= after:
                return real(*args, **options)
            if name == "write" and done[0] == after + 1:
                real(args[0], bytes(args[1])[: len(args[1]) // 2])
            raise PowerCut

        return operation

    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            patch.setattr(os, name, failing(name, getattr(os, name)))
        with suppress(PowerCut):
            yield done


def damages(content, count, seed=0):
    """Yield contents with one bit flipped, and cut short, at random places."""
    rng = np.random.default_rng(seed)
    for place in rng.integers(8 * len(content), size=count):
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << (place % 8)
        yield bytes(flipped)
    for length in {0, 1, len(content) - 1, *(int(n) for n in rng.integers(len(content), size=count // 4))}:
        yield content[:length]


def same(a, b):
    """Say whether two trees are the same in type, order and bits."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if type(a) is not type(b):
        return False
    if is_dataclass(a):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, Mapping):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return repr(a) == repr(b)
