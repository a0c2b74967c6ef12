"""Parts of a toy domain: every kind of field that a component may have."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

from eltanin.protocols import Data, OwnDomain, System
from eltanin.registry import slot


class Kind(Enum):
    soft = 1
    hard = 2


@dataclass
class Grid:
    """points: in each direction."""

    points: int = 1
    spacing: float = 2.0


@dataclass(frozen=True)
class Toy:
    """A domain of numbers.

    largest: of them, eV.
    """

    domain: ClassVar[str] = "toy"
    largest: float = 1000.0


@dataclass(frozen=True)
class Lattice:
    """A domain of places."""

    domain: ClassVar[str] = "lattice"


@dataclass(frozen=True)
class Box:
    """A box that knows its domain."""

    domain: ClassVar[str] = "toy"
    reader: OwnDomain
    size: float = 1.0


@dataclass(frozen=True)
class Walk:
    """Walks in the box."""

    domain: ClassVar[str] = "toy"
    box: System
    data: Data = "nowhere"
    steps: list[int] = field(default_factory=lambda: [1, 2])


@dataclass(frozen=True)
class Square:
    """Squares numbers.

    scale: of the square, eV.
    """

    domain: ClassVar[str] = "toy"
    scale: float = 1.0
    kind: Kind = Kind.soft
    pair: tuple[int, int] = (1, 2)
    perhaps: int | None = None
    table: dict[str, float] = field(default_factory=dict)
    grid: Grid = field(default_factory=Grid)

    def __post_init__(self):
        if self.scale <= 0:
            raise ValueError(f"scale={self.scale}: a scale is above 0; give labeler.scale=1.0")


@dataclass(frozen=True)
class Measured:
    """Reads what must be given."""

    domain: ClassVar[str] = "toy"
    data: Data
    column: str


@dataclass(frozen=True)
class Line:
    """Fits a line in a basis, with more of them beside it."""

    domain: ClassVar[str] = "toy"
    width: int = 3
    basis: Any = slot("model/basis", "powers")
    more: dict[str, Any] = slot("model/basis", {"short": "powers"})


@dataclass(frozen=True)
class Plane:
    """Fits a plane in a basis that must be chosen."""

    domain: ClassVar[str] = "toy"
    basis: Any = slot("model/basis")
    prior: Any = slot("model/prior", None)


@dataclass(frozen=True)
class Powers:
    """Powers of a number."""

    domain: ClassVar[str] = "any"
    order: int = 2


@dataclass(frozen=True)
class Waves:
    """Waves over a lattice."""

    domain: ClassVar[str] = "lattice"
    number: float = 2.0


@dataclass(frozen=True)
class Here:
    """Runs tasks here."""

    domain: ClassVar[str] = "any"


@dataclass(frozen=True)
class Foreign:
    """Comes from elsewhere."""

    domain: ClassVar[str] = "lattice"


@dataclass(frozen=True)
class Homeless:
    """Has no domain."""

    scale: float = 1.0


@dataclass(frozen=True)
class Odd:
    """Has a field that no configuration can hold."""

    domain: ClassVar[str] = "toy"
    function: Homeless = Homeless()
    where: complex = 1j
