"""Drawings have every sign of their labels."""

from __future__ import annotations

from matplotlib.figure import Figure

from eltanin.report.style import embedded, styled


def test_signs_that_a_font_lacks_come_from_another():
    """A missing one is a warning of matplotlib's, and so an error here."""
    with styled():
        figure = Figure()
        figure.subplots().set_xlabel("10⁻³ Å³, ξ ρ σ τ, eV/Å ± 2")
        assert embedded(figure).startswith("data:image/svg+xml")
