"""Standing shocks that a validation measured: five profiles of the kinetic equation, of a fluid and of the closure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import number
from eltanin.report.sections import Drawing, Run, Section, Table

KEY = re.compile(r"profile_bgk_mach_(.+)")
FIELDS = (
    ("rho", "density ρ"),
    ("u", "velocity u"),
    ("T", "temperature T"),
    ("sigma", "stress σ"),
    ("q", "heat flux q"),
)
DRAWN = 3  # Mach numbers
AROUND = 0.003  # of the temperature's rise: what is drawn begins and ends there


def section(run: Run) -> Section | None:
    """Return the section on standing shocks; none if none was measured."""
    machs = machs_of(run.measured)
    if not machs:
        return None
    told = run.summary.get("validation") or {}
    drawings = [Drawing(draw(run.measured, mach), f"Mach {mach}, over ξ with dξ = dx/τ.") for mach in machs[:DRAWN]]
    words = (
        "Ahead of the shock ρ = T = 1; ξ = 0 where the density is the mean of both sides. In ξ the profile is the same"
        " for every law of viscosity. A closure should say the same on twice as many cells: what is smooth by"
        " numerical diffusion alone does not."
    )
    return Section("Standing shocks", words, drawings, [table(told, machs)])


def machs_of(measured: Mapping[str, np.ndarray]) -> list[str]:
    """Return the Mach numbers that profiles were kept of, lowest first."""
    return sorted((found[1] for name in measured if (found := KEY.fullmatch(name))), key=float)


def curves(measured: Mapping[str, np.ndarray], mach: str) -> list[tuple[str, np.ndarray, dict[str, Any]]]:
    """Return name, profile (6, N) and look of what is known of a shock."""
    wanted: list[tuple[str, str, dict[str, Any]]] = [
        ("BGK", f"profile_bgk_mach_{mach}", {"color": style.INK, "lw": 3.2, "alpha": 0.45}),
        ("Navier–Stokes–Fourier", f"profile_nsf_mach_{mach}", {"color": style.CANDIDATE, "ls": ":", "lw": 1.8}),
        ("closure", f"profile_closure_mach_{mach}", {"color": style.ACCURATE, "lw": 1.6}),
        (
            "closure, twice the cells",
            f"profile_closure_mach_{mach}_fine",
            {"color": style.REJECTED, "ls": "--", "lw": 1.3},
        ),
    ]
    return [(label, np.asarray(measured[key]), look) for label, key, look in wanted if key in measured]


def draw(measured: Mapping[str, np.ndarray], mach: str) -> Figure:
    """Draw the five profiles of one Mach number."""
    figure, axes = style.canvas(5.4, 3, 2)
    found = curves(measured, mach)
    xi, _, _, temperature, *_ = measured[f"profile_bgk_mach_{mach}"]
    rise = (temperature - temperature[0]) / (temperature[-1] - temperature[0])
    inside = xi[(rise > AROUND) & (rise < 1 - AROUND)]
    for i, (panel, (_, name)) in enumerate(zip(axes, FIELDS, strict=False)):
        for label, profile, look in found:
            panel.plot(profile[0], profile[1 + i], label=label, **look)
        panel.set(xlabel="ξ", ylabel=name, xlim=(inside[0], inside[-1]))
    axes[5].set_axis_off()
    style.shared_legend(figure, axes)
    return figure


def table(told: Mapping[str, object], machs: list[str]) -> Table:
    """Return the errors of each Mach number: of the closure, on twice as many cells, and of the fluid."""
    rows: list[list[str]] = []
    for mach in machs:
        for name, prefix, suffix in (
            ("closure", "", ""),
            ("closure, twice the cells", "", "_fine"),
            ("Navier–Stokes–Fourier", "nsf_", ""),
        ):
            errors = [told.get(f"{prefix}relative_l1_{field}_mach_{mach}{suffix}") for field, _ in FIELDS]
            others = [
                told.get(f"{what}_mach_{mach}{suffix}") if not prefix else None
                for what in ("thickness_ratio", "temperature_ratio_ahead")
            ]
            if any(value is not None for value in errors):
                rows.append([mach, name, *(number(value) for value in (*errors, *others))])
    head = ["Mach", "", *(name.split()[-1] for _, name in FIELDS), "thickness / BGK's", "T(ξ = -10) / BGK's"]
    return Table(head, rows, "∫ |error| / ∫ |BGK - step|")
