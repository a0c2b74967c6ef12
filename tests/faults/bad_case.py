"""One thing that is said wrongly to `elt`, and what the answer must name. All of them make the table of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GAS = (
    "run experiment=null system=lorentz_gas explorer=random_states explorer.problems=4 selector=everything"
    " labeler=relaxation model=ridge_closure committee=2 rounds=2"
)
ATOMS = "run experiment=argon rounds=1 committee=2 executor=inline validation=null"


@dataclass(frozen=True)
class Case:
    """What is wrong, in words; the command line after `elt`; what the answer says; the exit code.

    `given` makes files in the working directory first. A run that has ended is there as ``ended``,
    one that was stopped as ``stopped``, where the command line names it.
    """

    about: str
    words: str
    says: tuple[str, ...]
    code: int = 2
    given: Callable[[Path], object] = lambda _: None

    @property
    def line(self) -> str:
        """The command line."""
        return self.words.replace("GAS", GAS).replace("ATOMS", ATOMS)

    @property
    def row(self) -> str:
        """A row of the table."""
        words = self.words.replace("GAS", "run …").replace("ATOMS", "run experiment=argon …")
        answer = " … ".join(self.says)
        return f"| {self.about} | `elt {words}` | {answer} | {self.code} |".replace("\n", " ")
