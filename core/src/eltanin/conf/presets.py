"""Presets: experiments in YAML that installed packages bring, below a folder `experiment`."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from eltanin.parts.synopsis import folders

GROUP = "experiment"
FIRST = "argon"  # what `elt run` alone runs, where it is installed


def packages() -> list[EntryPoint]:
    """Return the entry points that name packages of presets."""
    return list(entry_points(group="eltanin.presets"))


def files(point: EntryPoint) -> list[Path]:
    """Return the presets of a package."""
    return [file for folder in folders(point.value) for file in sorted((folder / GROUP).glob("*.yaml"))]


def presets() -> dict[str, Path]:
    """Return every preset by name."""
    return {file.stem: file for point in packages() for file in files(point)}


def about(file: Path) -> str:
    """Return the first line that a preset says of itself."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comments = (line.lstrip("# ") for line in lines if line.startswith("#"))
    return next((line for line in comments if not line.startswith("@")), "")
