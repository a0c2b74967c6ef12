"""The last lines of what a program wrote into its folder."""

from __future__ import annotations

from pathlib import Path

from eltanin.execution.output import last_lines

BINARY = 4096  # first bytes of a file, which hold a zero if it is no text


def last_written(folder: Path) -> str:
    """Return the end of the newest text file in a folder, under its name; nothing where there is none."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.stat().st_size]
    for path in sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True):
        with path.open("rb") as file:
            if b"\0" not in file.read(BINARY):
                return f"{path.name}:\n{last_lines(file.fileno())}"
    return ""
