"""Parts by a third party: a labeler that writes down each time it is asked, and a committee that is wrong."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from eltanin.batch import Properties, Ragged, fingerprints
from eltanin.protocols import Failure, Labels
from eltanin_gas.lorentz.relaxation import Relaxation
from eltanin_gas.lorentz.ridge_closure import RidgeClosure

WRITE: Callable[[int, bytes], int] = os.write  # as it is before any disk is broken


@dataclass(frozen=True)
class Counted(Relaxation):
    """Labels as `relaxation` makes them.

    log: a file that gets a line each time: when, which configuration, which process.
    seconds: that a label takes at least.
    failing: part of the configurations that have no label.
    alike: they fail for the same reason, word by word.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    log: str = field(default="asked", metadata={"method": False})
    seconds: float = field(default=0.0, metadata={"method": False})
    failing: float = 0.0
    alike: bool = False

    def label(self, x: Any, wanted: frozenset[str], rng: np.random.Generator) -> Labels[Any]:
        """Write down who asks for what, wait, and answer."""
        names = fingerprints(x)
        descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        WRITE(descriptor, f"{time.monotonic_ns()} {names[0]} {os.getpid()}\n".encode())
        os.close(descriptor)
        time.sleep(self.seconds)
        made = super().label(x, wanted, rng)
        bad = [row for row, name in enumerate(names) if int(name[:8], 16) < self.failing * 16**8]
        told = {row: "as it was told to" + ("" if self.alike else f" for {names[row]}") for row in bad}
        return Labels(made.values, {row: Failure("unconverged", why) for row, why in told.items()})


@dataclass(frozen=True)
class Shifted:
    """A closure that is off by as much everywhere, but for where it would leave what a gas can do."""

    right: Any
    shift: float

    def predict(self, x: Any) -> Properties:
        """Return the closing fluxes of the given cells, and the shift."""
        closing = self.right.predict(x).values["closing"]
        return Properties.of(closing=Ragged(np.minimum(closing.values + self.shift, 1.0), closing.counts))


@dataclass(frozen=True)
class Agreeing(RidgeClosure):
    """A committee whose members share an error that no data tell them of.

    shift: the error.
    copies: the members are copies of each other.
    """

    domain: ClassVar[str] = "gas"
    revision: ClassVar[int] = 1
    shift: float = 0.1
    copies: bool = False

    def init(self, data: Any, rng: np.random.Generator) -> dict[str, Any]:
        """Return a member, or the member that all of them are."""
        return super().init(data, np.random.default_rng(0) if self.copies else rng)

    def train(self, state: dict[str, Any], data: Any, rng: np.random.Generator) -> tuple[dict[str, Any], Any]:
        """Train it as the others are."""
        return super().train(state, data, np.random.default_rng(0) if self.copies else rng)

    def predictor(self, state: dict[str, Any]) -> Any:
        """Return what predicts with the error."""
        return Shifted(super().predictor(state), self.shift)
