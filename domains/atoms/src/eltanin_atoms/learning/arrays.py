"""The state of a training is a tree of arrays: from tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from eltanin.batch import to_numpy
from eltanin_atoms.nets import Tensors

State = dict[str, Any]


def tensors(tree: Mapping[str, Any], dtype: torch.dtype, device: torch.device) -> Tensors:
    """Return arrays as tensors of their own."""
    return {name: torch.tensor(to_numpy(a), dtype=dtype, device=device) for name, a in tree.items()}


def arrays(tree: Tensors, dtype: torch.dtype = torch.float64) -> dict[str, np.ndarray]:
    """Return tensors as arrays of their own."""
    return {name: to_numpy(t.to(dtype)).copy() for name, t in tree.items()}


def where(device: str) -> torch.device:
    """Return the device of a name; auto is cuda where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)
