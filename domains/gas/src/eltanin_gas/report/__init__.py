"""The sections of the report that the gas domain adds, each shown where a run has what it shows."""

from __future__ import annotations

from eltanin.report.sections import Run, Section
from eltanin_gas.report import fluxes, known, knudsen, margins, shocks


def panels(run: Run) -> list[Section]:
    """Return the sections of a run; a gas of other than six moments has none yet."""
    makers = [fluxes.section, known.section, margins.section, shocks.section, knudsen.section]
    if closes_six_moments(run):
        from eltanin_gas.report import conservation, speeds, waves  # imports torch

        makers[2:2] = [speeds.section, waves.section, conservation.section]
    return [section for make in makers if (section := make(run)) is not None]


def closes_six_moments(run: Run) -> bool:
    """Say whether there is a trained committee whose members are closures A(s, a, b), B(s, a, b)."""
    return "six_moments" in getattr(run.parts.model, "predicts", ()) and bool(run.committee)
