"""Errors of flows over Knudsen numbers that a validation measured, beside fluids and free flight."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import number, real
from eltanin.report.sections import Drawing, Run, Section, Table

KEY = re.compile(r"error_rho_kn_([0-9.e+-]+)")
FIELDS = {"rho": "density", "u": "velocity / c", "T": "temperature"}
KINDS = {
    "": ("this closure", style.ACCURATE, "o", "-"),
    "euler_": ("Euler", style.BEGINNING, "s", "--"),
    "nsf_": ("Navier–Stokes–Fourier", style.CANDIDATE, "^", ":"),
    "free_": ("free flight", style.REJECTED, "D", "-."),
}


def section(run: Run) -> Section | None:
    """Return the section on Knudsen numbers; none if no error was measured over them."""
    told: Mapping[str, object] = run.summary.get("validation") or {}
    numbers = sorted((found[1] for name in told if (found := KEY.fullmatch(name))), key=float)
    if not numbers:
        return None
    words = (
        "Flows that were never explored, by the closure, by the equations of Euler and of Navier, Stokes and Fourier,"
        " and by the labeler without collisions, beside the labeler's. A closure that is uniformly accurate is below"
        " all others at every Knudsen number. Mean of ∫ |error| / ∫ |reference|; that of the velocity is the speed of"
        " sound."
    )
    drawings = [Drawing(draw(told, numbers), "Relative L1 errors.")] if len(numbers) > 1 else []
    return Section("Errors over Knudsen numbers", words, drawings, [table(told, numbers)])


def draw(told: Mapping[str, object], numbers: list[str]) -> Figure:
    """Draw a panel for density, velocity and temperature."""
    figure, axes = style.canvas(3.2, 3)
    at = [float(kn) for kn in numbers]
    for panel, (field, name) in zip(axes, FIELDS.items(), strict=True):
        drawn: list[float] = []
        for prefix, (label, colour, marker, line) in KINDS.items():
            values = [100 * real(told.get(f"{prefix}error_{field}_kn_{kn}")) for kn in numbers]
            drawn += values
            width = 2.2 if not prefix else 1.4
            panel.plot(at, values, color=colour, marker=marker, ls=line, lw=width, label=label)
        style.logarithmic(panel, "x", at)
        style.logarithmic(panel, "y", drawn)
        panel.set(xlabel="Knudsen number", ylabel=f"{name} (%)")
    style.shared_legend(figure, axes)
    return figure


def table(told: Mapping[str, object], numbers: list[str]) -> Table:
    """Return the errors of every Knudsen number, and of flows where it varies in space."""
    head = ["Kn", "", "ρ", "u / c", "T", "ρ, twice the cells", "u / c", "T"]
    places = [(kn, f"kn_{kn}") for kn in numbers] + [("varying", "transition")]
    rows: list[list[str]] = []
    for kn, where in places:
        for prefix, (label, *_) in KINDS.items():
            values = [told.get(f"{prefix}error_{field}_{where}{fine}") for fine in ("", "_fine") for field in FIELDS]
            if any(value is not None for value in values):
                rows.append([kn, label, *(number(value) for value in values)])
    return Table(head, rows, "Relative L1 errors", folded=True)
