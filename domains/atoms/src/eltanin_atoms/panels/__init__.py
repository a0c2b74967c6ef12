"""What a report shows of atoms: where in temperature and pressure it went, and how well it predicts."""

from __future__ import annotations

from eltanin.report import Run, Section
from eltanin_atoms.panels import parity, plane


def panels(run: Run) -> list[Section]:
    """Return the sections of the atomic domain that a run has the data for."""
    return [found for found in (plane.section(run), parity.section(run)) if found is not None]
