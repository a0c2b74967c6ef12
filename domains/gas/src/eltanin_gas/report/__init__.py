"""The sections of the report that the gas domain adds, each shown where a run has what it shows."""

from __future__ import annotations

from eltanin.report.sections import Run, Section
from eltanin_gas.report import fluxes, known, knudsen, margins, shocks


def panels(run: Run) -> list[Section]:
    """Return the sections of a run; a gas of other than six moments has none yet."""
    makers = [fluxes.section, known.section, margins.section, shocks.section, knudsen.section]
    if closes(run, "moment_system"):
        from eltanin_gas.report import conservation, speeds, waves  # imports torch

        of_six = [speeds.section] if closes(run, "six_moments") else []
        makers[2:2] = [*of_six, waves.section, conservation.section]
    return [section for make in makers if (section := make(run)) is not None]


def closes(run: Run, what: str) -> bool:
    """Say whether there is a trained committee whose members close six moments, or any moment system."""
    return what in getattr(run.parts.model, "predicts", ()) and bool(run.committee)
