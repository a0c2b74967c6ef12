"""Sequential learning: all there is to learn from was made beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from eltanin import labelled
from eltanin.protocols import Data, Feedback, OwnDomain, Predictor, Rng


@dataclass(frozen=True)
class Nothing:
    """Explores nothing: hands back the whole data once, and from then on no configuration at all.

    parts: paths or globs below `data`; all of it if there are none.
    """

    domain: ClassVar[str] = "any"
    revision: ClassVar[int] = 1

    data: Data
    reader: OwnDomain
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Refuse data that are not there."""
        labelled.find(self.data, self.parts)

    def init(self, rng: Rng) -> None:
        """There is nothing to remember."""
        del rng

    def explore(
        self,
        committee: Sequence[Predictor[Any, Any]],
        state: None,
        feedback: Feedback | None,
        rng: Rng,
    ) -> tuple[Any, None]:
        """Return everything to an empty committee, and nothing to one that has learned."""
        del state, feedback, rng
        x, _ = labelled.read(self.reader, self.data, self.parts)
        return (x[np.zeros(0, dtype=np.int64)] if committee else x), None
