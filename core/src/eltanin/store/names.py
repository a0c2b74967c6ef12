"""Names that come out of files: whoever wrote the file, they stay in the folder they are said to be in."""

from __future__ import annotations

import re
from pathlib import Path

from eltanin.store.durable import IntegrityError

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")


def within(folder: Path, name: object, told_by: Path) -> Path:
    """Return the path of what a file names in a folder; refuse a name that is a path, or none at all."""
    if not isinstance(name, str) or not PLAIN.fullmatch(name):
        raise IntegrityError(
            f"{told_by} names {name!r}, which is no plain name of a file beside it: it was tampered with"
        )
    return folder / name
