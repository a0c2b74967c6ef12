"""Names of which there are too many to list: what may have been meant by one that is not among them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def meant(name: str, known: Iterable[str]) -> str:
    """Return how a message about an unknown name goes on: the nearest ones there are."""
    close = get_close_matches(name.lower(), sorted(known), n=3)
    return f" (did you mean {' or '.join(close)}?)" if close else ""
