"""The first thing a reader sees: how it ended, what was proved, what it cost, how well it does."""

from __future__ import annotations

from typing import NamedTuple

from eltanin.report.phrases import (
    by_region,
    component,
    duration,
    last,
    measured,
    number,
    part,
    percent,
    plural,
    quantity,
    real,
    statement,
)
from eltanin.report.sections import Run

MEANING = {
    "converged": "The audits were passed.",
    "budget": "The budget was spent before audits could show convergence.",
    "stopped": "It was stopped in an orderly way and can go on.",
    "failed": "It could not go on.",
    "running": "It has not ended yet.",
}
ROLES = ("explorer", "selector", "labeler", "model")


class Figure(NamedTuple):
    """A number large enough to be seen from afar."""

    name: str
    value: str
    unit: str = ""
    about: str = ""


class Headline(NamedTuple):
    """What stands above all sections."""

    status: str
    meaning: str
    reason: str
    statement: str
    parts: list[tuple[str, str]]
    figures: list[Figure]


def headline(run: Run) -> Headline:
    """Return what stands above all sections."""
    status = run.summary.get("status") or "running"
    return Headline(
        status=status,
        meaning=MEANING.get(status, ""),
        reason="" if status == "converged" else sentence(run.summary.get("stop_reason") or ""),
        statement=statement(last(run.rounds, "audit"), measured(run.domain.measure).unit),
        parts=[(role, component(run.config, role)) for role in ROLES],
        figures=[*cost(run), *errors(run)],
    )


def sentence(said: str) -> str:
    """Return words as a sentence of their own."""
    return said[:1].upper() + said[1:] + "." * (said[-1:] not in {"", ".", "!", "?"})


def cost(run: Run) -> list[Figure]:
    """Return labels paid, the labelled fraction, and time."""
    rounds = run.rounds
    labelled, cached = sum(r["labelled"] for r in rounds), sum(r["cached"] for r in rounds)
    failed = sum(n for r in rounds for n in r["failed"].values())
    different = sum(r["different"] for r in rounds)
    told = [f"{number(failed)} of them failed"] * bool(failed) + [f"{number(cached)} more from the store"] * bool(
        cached
    )
    seconds = sum(real(s) for r in rounds for s in r["seconds"].values())
    return [
        Figure("labels paid for", number(max(0, labelled + failed - cached)), about=", ".join(told)),
        Figure(
            "labelled of explored",
            percent(labelled / different if different else None),
            about=f"{number(labelled)} of {number(different)} different configurations",
        ),
        Figure("time", duration(seconds), about=plural(len(rounds), "round")),
    ]


def errors(run: Run) -> list[Figure]:
    """Return the errors on the test set, at most three, with the region where each is largest."""
    found = part(run.summary, "validation") or last(run.rounds, "validation")
    figures: list[Figure] = []
    for base, regions in list(by_region(found).items())[:3]:
        worst = max((r for r in regions if r), key=lambda r: real(found[regions[r]]), default="")
        about = f"at most {number(found[regions[worst]])}, {worst.replace('_', ' ')}" if worst else "on the test set"
        figures.append(Figure(quantity(base).name, number(found[base]), quantity(base).unit, about))
    return figures
