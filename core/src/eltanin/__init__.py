"""Eltanin: expensive micro-scale models into fast, reliable macro-scale models."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def committee(folder: str | Path) -> list[Any]:
    """Return the predictors of a run folder, or of one that `elt import` made; each has ``.predict(x)``."""
    from eltanin.run import using  # a command that needs no run should not wait for this

    return using.committee(Path(folder))


def calculator(folder: str | Path, **settings: Any) -> Any:
    """Return the model of such a folder as the programs of its field take it: for atoms, an ASE calculator."""
    from eltanin.run import using

    return using.calculator(Path(folder), **settings)
