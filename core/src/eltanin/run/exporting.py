"""Trained members in the form of another program: `elt export RUN --format NAME`.

An exporter is a component of the group ``eltanin.exporter``. It is handed the model component as the run
was configured with it, whose fields are its settings, and the state of one member.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from eltanin.errors import ConfigurationError
from eltanin.run.importing import EXPORTER, component, trained
from eltanin.run.publish import load_committee

EVERY = "all"


class Exporter(Protocol):
    """Writes a trained member in the form of another program."""

    suffix: str  # of the files it writes

    def export(self, model: Any, state: Any, path: Path) -> str:
        """Write a member, and return what its user must know; a ValueError says what the form has no place for."""
        ...


def export(folder: Path, form: str, output: Path | None, member: str, words: Sequence[str]) -> int:
    """Write one member of a finished run, or each; words: settings of the exporter, as KEY=VALUE."""
    exporter: Exporter = component(EXPORTER, form, words)
    output = (output or Path(f"{folder.resolve().name}{exporter.suffix}")).resolve()
    if not output.parent.is_dir():
        raise ConfigurationError(f"{output.parent} is no folder: make it, or give another -o")
    files = trained(folder)
    model, states = files.restored[0].model, load_committee(files)
    for number in _members(member, len(states)):
        path = output.with_stem(f"{output.stem}-{number}") if member == EVERY else output
        try:
            told = exporter.export(model, states[number], path)
        except ValueError as error:
            raise ConfigurationError(f"{form}: {error}") from error
        except OSError as error:
            raise ConfigurationError(
                f"{path} cannot be written ({error}): make room there, or give another -o"
            ) from error
        print(f"{path}: member {number} of {len(states)}. {told}")  # noqa: T201
    return 0


def _members(member: str, count: int) -> list[int]:
    if member == EVERY:
        return [*range(count)]
    if not member.isdecimal() or int(member) >= count:
        raise ConfigurationError(
            f"--member {member}: there are {count} members: give 0 to {count - 1}, or {EVERY} for a file of each"
        )
    return [int(member)]
