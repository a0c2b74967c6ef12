"""Basis functions on the points of a mesh: evaluated once where they can be kept.

Nearly all time of a small crystal goes into basis functions on grid points, a sum over hundreds of images, and PySCF
evaluates them three times in each iteration. Here they are kept from one iteration to the next if they fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eltanin_pyscf_dft.periodic import pbc

numint: Any = pbc.dft.numint

COMPLEX = 16  # bytes
COMPONENTS = 4  # a function and its gradient: what a self-consistent field asks for
STRAINED = 50  # components at a point while a stress is calculated: second derivatives, and strain derivatives
BLOCK = 3e8  # bytes of one block


def kept_bytes(points: int, functions: int, waves: int) -> float:
    """Return what keeping takes, for so many grid points, basis functions and k-points."""
    return float(COMPLEX * COMPONENTS * points * functions * waves)


def block_size(functions: int, waves: int) -> int:
    """Return how many points are a block: a function of the structure, so that sums have one order."""
    lines = int(BLOCK / (COMPLEX * STRAINED * functions * waves * numint.BLKSIZE))
    return max(lines, 1) * int(numint.BLKSIZE)


class Orbitals(numint.KNumInt):
    """PySCF's numerical integration for one mesh, with basis functions and their gradients kept or not.

    Values are the same bits kept or evaluated again. What is handed out must not be written to.
    """

    def __init__(self, waves: int, functions: int, keep: bool) -> None:
        """Take the number of k-points and basis functions."""
        super().__init__()
        self.block, self.keep, self.kept = block_size(functions, waves), keep, {}

    def block_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Yield the points block by block."""
        kwargs["blksize"] = self.block
        return super().block_loop(*args, **kwargs)

    def eval_ao(self, cell: Any, coords: Any, kpts: Any = None, deriv: int = 0, *args: Any, **kwargs: Any) -> Any:
        """Return the functions of each k-point, (components, points, functions), or without components for deriv=0."""
        if not self.keep or deriv > 1:
            return super().eval_ao(cell, coords, kpts, deriv, *args, **kwargs)
        key, waves = (np.asarray(coords[0]).tobytes(), len(coords)), [tuple(k) for k in np.reshape(kpts, (-1, 3))]
        known = self.kept.setdefault(key, {})
        if not known.keys() >= set(waves):
            known.update(zip(waves, super().eval_ao(cell, coords, kpts, 1, *args, **kwargs), strict=True))
        return [known[k] if deriv else known[k][0] for k in waves]
