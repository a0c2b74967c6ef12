"""What a report is made of. A domain or an observer hands over sections; the page sets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from eltanin.protocols import Dataset, Domain, Feedback


@dataclass(frozen=True)
class Drawing:
    """A figure, 10 inches wide for the full width of the page, and what it shows."""

    figure: Figure
    caption: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers under a head; `folded` hides it until the reader asks for it."""

    head: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the report: words (paragraphs parted by empty lines), then drawings, then tables.

    html: trusted markup that comes last; everything else is escaped.
    """

    title: str
    words: str = ""
    drawings: Sequence[Drawing] = ()
    tables: Sequence[Table] = ()
    html: str = ""


class Run(Protocol):
    """What a report reads of a run folder (`eltanin.run.folder.RunFolder` has it)."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration."""
        ...

    @property
    def plugins(self) -> Mapping[str, Any]:
        """Distributions and versions."""
        ...

    @property
    def rounds(self) -> Sequence[Mapping[str, Any]]:
        """A record for each round."""
        ...

    @property
    def summary(self) -> Mapping[str, Any]:
        """How it ended; empty until then."""
        ...

    @property
    def data(self) -> Dataset[Any, Any, Any] | None:
        """What was learned from."""
        ...

    @property
    def pools(self) -> Sequence[Feedback]:
        """What was said of each round's pool."""
        ...

    @property
    def validation(self) -> Mapping[str, Any] | None:
        """The tree x, labels, predicted of an independent test set."""
        ...

    @property
    def measured(self) -> Mapping[str, Any]:
        """The arrays by name that a validation measured of the committee in the end."""
        ...

    @property
    def damaged(self) -> Sequence[str]:
        """What of all this is damaged, and was left out."""
        ...

    @property
    def domain(self) -> Domain[Any, Any, Any]:
        """The domain component."""
        ...

    @property
    def parts(self) -> Any:
        """All components by role (`eltanin.parts.settings.Run`)."""
        ...

    @property
    def committee(self) -> Sequence[Any]:
        """The predictors of the trained members; none before the first training."""
        ...
