"""How far a learned solution of a boundary value problem is from the exact one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from eltanin.protocols import Rng, System
from eltanin_walkers.walkers import Walkers


@dataclass(frozen=True)
class Solution:
    """Measures the relative L2 error |u - u*| / |u*| when the campaign has ended, at points uniform in the system.

    samples: such points.
    """

    domain: ClassVar[str] = "walkers"
    revision: ClassVar[int] = 1
    system: System
    samples: int = 10_000

    def __post_init__(self) -> None:
        """Refuse a mean of nothing."""
        if self.samples < 1:
            raise ValueError(f"validation.samples={self.samples}: give 1 or more")

    def check_model(self, model: Any) -> None:
        """Refuse a model that knows a solution up to a factor alone."""
        if not getattr(model, "solves", False):
            raise ValueError(
                f"validation=solution needs a model that solves a boundary value problem, and {type(model).__name__}"
                " does not say that it does (solves = True): take model=deep_ritz, or validation=null"
            )

    def measure(
        self, explorer: Any, state: Any, labelling: Any, committee: Sequence[Any], rng: Rng
    ) -> Mapping[str, Any]:
        """Return the relative error, where the labeler knows the `solution`."""
        del explorer, state
        known: Any = getattr(labelling.labeler, "solution", None)
        if known is None:
            return {}
        x = Walkers(self.system.start(self.samples, rng))
        answer, exact = committee[0].predict(x).values, known(x.positions)
        found = answer["sign"] * np.exp(answer["log_psi"])
        return {"relative_l2_error": float(np.sqrt(((found - exact) ** 2).mean() / (exact**2).mean()))}
