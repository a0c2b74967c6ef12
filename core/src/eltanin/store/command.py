"""The command `elt store`: what is in a store, whether it is whole, and how to get it out."""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eltanin.errors import ConfigurationError
from eltanin.parts.show import table
from eltanin.registry import nearest
from eltanin.store import LabelStore, Objects, default_folder, open_store
from eltanin.store.export import export
from eltanin.store.listing import Failed, Method, failed, methods

KEY = re.compile(r"[0-9a-f]{6,64}")
DIGITS = 12  # of an id, enough to tell all of a store apart


def run(arguments: Sequence[str]) -> int:
    """Do what is asked, and return the exit code."""
    chosen = parser().parse_args(arguments)
    return ACTIONS[chosen.action](chosen)


def parser() -> ArgumentParser:
    """Return what reads the arguments."""
    top = ArgumentParser(prog="elt store", description="The labels that were ever paid for, shared by all runs.")
    actions = top.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    def action(name: str, about: str) -> ArgumentParser:
        one = actions.add_parser(name, help=about, description=about)
        one.add_argument("store", metavar="STORE", nargs="?", help=f"its folder; if not given, {default_folder()}")
        return one

    listed = action("ls", "list what is there, by method")
    listed.add_argument("--failed", action="store_true", help="list the configurations without a label, and why")
    listed.add_argument("--json", action="store_true", help="as JSON")
    action("verify", "read every byte; exit code 1 if anything is wrong")
    action("rebuild", "make the index again from the labels")
    exported = action("export", "write the labels of one method to a file")
    exported.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help="its name says the format")
    exported.add_argument("--method", metavar="ID", help="how its id begins, where there are several")
    action("merge", "take over what another store holds").add_argument("other", metavar="OTHER")
    retried = action("retry", "let failures be asked again; labels stay")
    retried.add_argument("keys", metavar="KEY", nargs="*", help="how it begins; if none is given, all failures")
    retried.add_argument("--kind", metavar="KIND", help="only failures of this kind: crash, timeout, unconverged, …")
    return top


def ls(chosen: Namespace) -> int:
    """List methods, or failures."""
    with _opened(chosen.store) as store:
        found = failed(store) if chosen.failed else methods(store)
    if chosen.json:
        _say(json.dumps([asdict(one) for one in found], indent=2))
    else:
        _say(table([FAILED if chosen.failed else METHODS, *map(_line, found)]))
    return 0


def verify(chosen: Namespace) -> int:
    """Say whether all is as it was written."""
    with _opened(chosen.store) as store:
        wrong = store.verify()
        rows = store.rows()
        differ, torn = store.objects.history.events("discrepancy"), store.objects.history.damaged()
    labels = sum(row["attempt"] == 0 for row in rows)
    _say(*wrong)
    _say(f"{store.root}: {_many(labels, 'label')}, {_many(len(rows) - labels, 'failure')}, {len(wrong)} wrong")
    if differ:
        keys = ", ".join(sorted({str(one["key"])[:DIGITS] for one in differ})[:10])
        _say(f"{_many(len(differ), 'time')} a label was made again and came out otherwise (the first stayed): {keys}")
    if torn:
        _say(f"{_many(torn, 'line')} of history.jsonl cannot be read: an interruption may leave one; no label is lost")
    return int(bool(wrong))


def rebuild(chosen: Namespace) -> int:
    """Make the index again."""
    with _opened(chosen.store) as store:
        wrong = store.rebuild()
        _say(*wrong, f"{store.root}: {_many(len(store.rows()), 'row')} in the index, {len(wrong)} files damaged")
    return int(bool(wrong))


def write(chosen: Namespace) -> int:
    """Export labels."""
    with _opened(chosen.store) as store:
        _say(f"{_many(export(store, chosen.output, chosen.method), 'label')} written to {chosen.output}")
    return 0


def merge(chosen: Namespace) -> int:
    """Take over what another store holds."""
    store = open_store(chosen.store)
    if store is None:
        raise ConfigurationError("store=none keeps nothing: name the folder that is to take the labels")
    with store:
        merged = store.merge(Objects(Path(chosen.other).expanduser()))
    _say(*merged.wrong)
    _say(f"{merged.taken} taken over, {merged.known} known, {merged.differ} known otherwise, {len(merged.wrong)} wrong")
    return int(bool(merged.wrong))


def retry(chosen: Namespace) -> int:
    """Set failures aside."""
    where, begin = chosen.store, list(chosen.keys)
    if where is not None and KEY.fullmatch(where) and not Path(where).exists():
        where, begin = None, [where, *begin]
    with _opened(where) as store:
        kinds = sorted({one.kind for one in failed(store)})
        if chosen.kind and chosen.kind not in kinds:
            raise ConfigurationError(
                f"{store.root} holds no failure of the kind {chosen.kind}{nearest(chosen.kind, kinds)}"
            )
        keys = [key for one in begin for key in _meant(store, one)]
        moved = store.retry(keys, {chosen.kind} if chosen.kind else ())
    _say(f"{_many(len(moved), 'failure')} will be asked again")
    return 0


def _meant(store: LabelStore, begin: str) -> list[str]:
    """Return the key that begins so."""
    found = sorted({row["key"] for row in store.rows() if row["key"].startswith(begin)})
    if len(found) != 1 and len(begin) < 64:
        raise ConfigurationError(
            f"{begin} is how {len(found)} keys of {store.root} begin: `elt store ls --failed --json` lists them in full"
        )
    return found or [begin]


def _opened(where: str | None) -> LabelStore:
    """Return a store that is there; looking at one makes none."""
    root = Path(where).expanduser() if where else default_folder()
    if not Objects(root).folder.is_dir():
        raise ConfigurationError(f"{root} is no store of labels: name the folder that store=PATH named in a run")
    return LabelStore(root)


def _line(one: Method | Failed) -> tuple[str, ...]:
    if isinstance(one, Method):
        failures = ", ".join(f"{number} {kind}" for kind, number in one.failures.items()) or "none"
        size = f"{one.bytes / 1e6:.1f} MB"
        return one.labeler, one.method[:DIGITS], str(one.labels), failures, f"{one.hours:.2f}", size
    again = "never" if one.quarantined else "yes"
    return one.key[:DIGITS], one.kind, str(one.attempts), again, one.labeler, _shown(one.message)


def _shown(text: str) -> str:
    """Return a message in one line, without what a terminal would take for an order."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _say(*lines: Any) -> None:
    for line in lines:
        print(line)  # noqa: T201


METHODS = ("LABELER", "METHOD", "LABELS", "FAILURES", "HOURS", "SIZE")
FAILED = ("KEY", "KIND", "ASKED", "AGAIN", "LABELER", "REASON")
ACTIONS: dict[str, Callable[[Namespace], int]] = {
    "ls": ls,
    "verify": verify,
    "rebuild": rebuild,
    "export": write,
    "merge": merge,
    "retry": retry,
}
