"""Sets the page: one file that needs nothing else, no network and no scripts."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pluggy
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from eltanin.report import (
    calibration,
    damage,
    deviations,
    failures,
    learning,
    provenance,
    rounds,
    style,
    timing,
)
from eltanin.report.headline import headline
from eltanin.report.sections import Run, Section

BEFORE = (rounds.section, deviations.section, learning.section)
AFTER = (calibration.section, failures.section, timing.section, damage.section, provenance.card)


def render(run: Run, hooks: pluggy.HookRelay) -> str:
    """Return the page of a run."""
    with style.styled():
        found = [*sections(run, hooks)]
        environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        filters: dict[str, Any] = {"picture": style.embedded, "paragraphs": paragraphs, "trusted": Markup}
        environment.filters.update(filters)  # pyright: ignore[reportUnknownMemberType]
        template = environment.from_string(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
        return template.render(
            name=run.path.resolve().name,
            head=headline(run),
            sections=found,
            provenance=provenance.section(run),
            command=provenance.command(run),
            configuration=provenance.configuration(run),
        )


def sections(run: Run, hooks: pluggy.HookRelay) -> Iterator[Section]:
    """Yield the core's sections, with those of the domain and of observers where they belong."""
    yield from one_by_one(BEFORE, run)
    yield from guarded("the panels of the domain", lambda r: r.domain.panels(r), run)
    yield from one_by_one(AFTER, run)
    yield from guarded("sections of observers", lambda r: flat(hooks.report_sections(run=r)), run)


def one_by_one(makers: Iterable[Callable[[Run], Section | None]], run: Run) -> Iterator[Section]:
    """Yield what each of the core's own makers has to show."""
    for make in makers:
        found = make(run)
        if found is not None:
            yield found


def guarded(what: str, make: Callable[[Any], Sequence[Section]], run: Run) -> Sequence[Section]:
    """Return sections of others; what goes wrong there must not cost the reader the rest of the page."""
    try:
        return list(make(run))
    except Exception:  # anything may come from there
        return [Section(f"Not shown: {what}", f"They raised an error:\n\n{traceback.format_exc(limit=-2)}")]


def flat(answers: Iterable[Sequence[Section]]) -> list[Section]:
    """Return the sections of all observers, in their order."""
    return [section for answer in answers for section in answer]


def paragraphs(words: str) -> list[str]:
    """Return the paragraphs of a text."""
    return [paragraph for paragraph in words.split("\n\n") if paragraph.strip()]
