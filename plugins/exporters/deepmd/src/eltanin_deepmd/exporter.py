"""The component: what Eltanin and DeePMD-kit tell each other by a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from eltanin.registry import name_of
from eltanin_deepmd import container, reading, writing

ROUND = 4  # slots come in fours, as DeePMD-kit chooses them itself


@dataclass(frozen=True)
class Deepmd:
    """DeePMD-kit's native model, *.dp: se_e2_a with energy fitting, which all its back ends read.

    sel: neighbours of each element that DeePMD-kit finds room for; it leaves out more without a word.
        Left empty, those of the data times `margin`.
    margin: room for denser structures than those in the data.
    intervals: of the table that stands for the embedding nets of a model that is read; 0 for the nets themselves.
    """

    domain: ClassVar[str] = "atoms"
    suffix: ClassVar[str] = ".dp"

    sel: list[int] = field(default_factory=list)
    margin: float = 1.25
    intervals: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        if not self.margin >= 1:
            raise ValueError(f"margin={self.margin}: with less room than the data need, energies jump: give 1 or more")

    def export(self, model: Any, state: Mapping[str, Any], path: Path) -> str:
        """Write a member, and return what to know of the file."""
        names = [name_of(type(part)) for part in (model, getattr(model, "descriptor", None)) if part is not None]
        if names != ["neural_potential", "smooth"]:
            raise ValueError(
                f"model {' with '.join(names)}: DeePMD-kit's files hold a neural_potential with the descriptor smooth:"
                " train with model=neural_potential model/descriptor=smooth; in Python, eltanin.calculator(RUN) takes"
                " any"
            )
        if model.repulsion is not None:
            raise ValueError(
                "model.repulsion: these files hold nets alone, and what was learned without the repulsion is wrong"
                " without it: train with model/repulsion=null; in Python, eltanin.calculator(RUN) has both"
            )
        sel = self._slots(state)
        container.write(path, writing.model(model, state, sel))
        room = ", ".join(f"{n} {element}" for n, element in zip(sel, state["elements"], strict=True))
        return f"DeePMD-kit sees up to {room} around an atom (sel); beyond that it leaves neighbours out"

    def read(self, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the settings of the model in a file, and its state."""
        content = container.read(path)
        try:
            return reading.settings_and_state(content, self.intervals)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"{path} is no model of DeePMD-kit as release 3 writes them: {error!r}") from error
        except ValueError as error:
            raise ValueError(f"{path} holds what Eltanin has no place for. {error}") from error

    def _slots(self, state: Mapping[str, Any]) -> list[int]:
        statistics, elements = state["statistics"], state["elements"]
        places = [int(n) for n in np.asarray(statistics["places"])]
        if np.any(statistics["average"]):
            if self.sel and self.sel != places:
                raise ValueError(
                    f"sel={self.sel}: empty places count in this model, and it has {places}: leave sel out"
                )
            return places
        sel = self.sel or [ROUND * max(1, ceil(self.margin * n / ROUND)) for n in places]
        if len(sel) != len(elements) or any(n < most for n, most in zip(sel, places, strict=False)):
            raise ValueError(f"sel={sel}: the data needed {places} for {', '.join(elements)}: give as many or more")
        return sel
