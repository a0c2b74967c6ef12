"""What was explored and what was labelled, round by round."""

# The stubs of matplotlib leave keyword arguments unknown.
# pyright: reportUnknownMemberType=false
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from eltanin.report import style
from eltanin.report.phrases import number, percent, plural, quantity, real
from eltanin.report.sections import Drawing, Run, Section, Table

EXPLORED = {
    "beginning": style.BEGINNING,
    "accurate": style.ACCURATE,
    "candidate": style.CANDIDATE,
    "rejected": style.REJECTED,
}
LABELLED = {
    "beginning": style.BEGINNING,
    "audits": style.ACCURATE,
    "candidates": style.CANDIDATE,
    "failed": style.REJECTED,
}


def section(run: Run) -> Section | None:
    """Return the section on rounds."""
    if not run.rounds:
        return None
    caption = (
        "Left: what the selector said of each configuration explored. Right: what became a label, and why "
        "it was asked for; audits are drawn at random from the accurate."
    )
    return Section(
        "Explored and labelled", words(run.rounds), [Drawing(draw(run.rounds), caption)], [table(run.rounds)]
    )


def words(rounds: Sequence[Mapping[str, Any]]) -> str:
    """Say what the last round found."""
    end = rounds[-1]
    judged = end["accurate"] + end["candidate"] + end["rejected"]
    cached = sum(r["cached"] for r in rounds)
    said = [f"{plural(len(rounds), 'round')} explored {number(sum(r['explored'] for r in rounds))} configurations."]
    if end["accurate"] + end["rejected"]:
        said.append(f"In the last one {percent(end['accurate'] / judged)} of them were accurate.")
    if cached:
        said.append(f"{plural(cached, 'label')} came from the store and cost nothing.")
    return " ".join(said)


def explored(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what was said of a pool; before there is a model all of it is a beginning."""
    if record["initial"]:
        return dict.fromkeys(EXPLORED, 0.0) | {"beginning": record["explored"]}
    return dict.fromkeys(EXPLORED, 0.0) | {k: record[k] for k in ("accurate", "candidate", "rejected")}


def labelled(record: Mapping[str, Any]) -> dict[str, float]:
    """Return what labels were asked for, by reason."""
    return {
        "beginning": record["initial"],
        "audits": record["audited"],
        "candidates": max(0, record["labelled"] - record["audited"] - record["initial"]),
        "failed": sum(record["failed"].values()),
        "cached": record["cached"],
    }


def draw(rounds: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw stacked bars of both, side by side."""
    figure, (left, right) = style.canvas(3.4, 2)
    size, pools = style.grouped([explored(r) for r in rounds])
    _, labels = style.grouped([labelled(r) for r in rounds])
    first = rounds[0]["round"]
    style.bars(left, first, pools, EXPLORED, size)
    style.bars(right, first, labels, LABELLED, size)
    stored = np.array([row["cached"] for row in labels], dtype=float)
    if stored.any():
        at = style.by_round(right, first, len(labels), size)
        right.bar(at, stored, 0.78 * size, color="none", edgecolor="white", hatch="////", linewidth=0)
        right.bar([at[0]], [0], color=style.FAINT, edgecolor="white", hatch="////", label="from the store")
    for axes, what in ((left, "configurations explored"), (right, "labels asked for")):
        axes.set_ylabel(what)
        style.whole_numbers(axes.yaxis, 6)
        style.legend(axes)
    return figure


def table(rounds: Sequence[Mapping[str, Any]]) -> Table:
    """Return the numbers behind the drawing."""
    keys = [key for key in max((r["validation"] for r in rounds), key=len) if "_" in key][:2]
    head = ["round", "explored", "accurate", "candidate", "rejected", "labelled", "audits", "from store", "failed"]
    rows = [
        [
            *(number(r[k]) for k in ("round", "explored", "accurate", "candidate", "rejected")),
            *(number(r[k]) for k in ("labelled", "audited", "cached")),
            number(sum(r["failed"].values())),
            number(real(r["deviation"].get("q50"))),
            *(number(real(r["validation"].get(key))) for key in keys),
        ]
        for r in rounds
    ]
    return Table([*head, "median deviation", *(str(quantity(key)) for key in keys)], rows, "Every round", folded=True)
