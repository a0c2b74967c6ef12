"""How the figures look: colours that survive grey, letters that survive half the size."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, GRID = "#1b1f24", "#e3e6ea"
BLUE, OCHRE, RED = "#1f5a96", "#dea92f", "#b8403a"
LETTERS = 13  # points


def figure(width: float, height: float) -> Figure:
    """Return an empty figure; width and height in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def plain(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Name the axes, and leave out what says nothing."""
    axes.set_xlabel(x, fontsize=LETTERS, color=INK)
    axes.set_ylabel(y, fontsize=LETTERS, color=INK)
    axes.set_title(title, fontsize=LETTERS, color=INK)
    axes.tick_params(labelsize=LETTERS - 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)


def save(picture: Figure, script: str) -> None:
    """Write the picture beside the script that made it."""
    picture.savefig(Path(script).with_suffix(".png"), dpi=110)
