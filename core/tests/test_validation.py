"""Test sets that the labeler itself leads to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from eltanin.batch import Properties
from eltanin.errors import EltaninError
from eltanin.execution import Inline
from eltanin.labelling.ask import Labelling
from eltanin.protocols import Failure, Labels
from eltanin.run.validation import Reference


@dataclass(frozen=True)
class Fails:
    """A labeler that fails, in one way or another."""

    raises: bool

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Properties]:
        if self.raises:
            raise ZeroDivisionError("a bug")
        return Labels(Properties.none(len(x)), {0: Failure("unconverged", "100 steps")})


class Follows:
    """An explorer that asks where to go."""

    def init(self, rng: Any) -> int:
        return 0

    def explore(self, committee: Any, state: Any, feedback: Any, rng: Any) -> Any:
        return committee[0].predict(np.zeros(3)), state


@pytest.mark.parametrize(
    ("raises", "told"),
    [(True, "failed there: ZeroDivisionError: a bug"), (False, "failed there: unconverged: 100 steps")],
)
def test_a_labeler_that_fails_while_it_drives_the_explorer_is_named_and_no_number_is_made_up(raises, told):
    class Domain:
        wanted = frozenset({"energy"})

    labelling = Labelling(Domain(), Fails(raises), Inline(), 0, None)
    with pytest.raises(EltaninError, match=told):
        Reference().make(Follows(), labelling, np.random.default_rng(0))
