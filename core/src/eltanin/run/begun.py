"""run.json: what a run was begun with. It is sealed, and vouches for config.yaml and plugins.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from eltanin.errors import ConfigurationError
from eltanin.store import durable
from eltanin.store.durable import IntegrityError
from eltanin.store.method import differences
from eltanin.store.sealed import open_json, seal_json, sha256

FILE = "run.json"
FORMAT = 1
AFRESH = "Restore it from a copy; or start a new run, which takes what was labelled from the store"


@dataclass(frozen=True)
class Begun:
    """What cannot change in the life of a run.

    overrides: of the command line.  started_in: the folder that relative paths begin in.  method: of
    the labels, as `eltanin.store.method` describes it.  files: the checksums of those it vouches for.
    """

    overrides: Sequence[str]
    started_in: str
    method: Mapping[str, Any]
    files: Mapping[str, str]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what stands in the folder of a run."""
        path = folder / FILE
        try:
            body = open_json(path, durable.read(path))
        except (FileNotFoundError, NotADirectoryError):
            raise ConfigurationError(_no_run(folder)) from None
        except IntegrityError as error:
            raise ConfigurationError(f"{path} is damaged. {AFRESH}.") from error
        if body.pop("format") != FORMAT:
            raise ConfigurationError(f"{path} was written by another Eltanin: go on with that one.")
        return cls(**body)

    def write(self, folder: Path) -> None:
        """Write it, last of all: a run is begun when it is there."""
        durable.replace(folder / FILE, seal_json({"format": FORMAT, **asdict(self)}))

    def check(self, path: Path) -> None:
        """Refuse a file that is not what the run was begun with."""
        try:
            found = sha256(durable.read(path))
        except FileNotFoundError:
            raise ConfigurationError(f"{path} is missing. {AFRESH}.") from None
        if found != self.files[path.name]:
            raise ConfigurationError(
                f"{path} is not what this run was started with: it was changed, or damaged. {AFRESH}."
                " Other settings are for a new run too."
            )

    def check_method(self, folder: Path, now: Mapping[str, Any]) -> None:
        """Refuse labels of another method than those there are."""
        if changed := differences(self.method, now):
            raise ConfigurationError(
                f"{folder}: the method of the labels is not what it was: {'; '.join(changed)}. Labels of two"
                " methods are never mixed: put it back, or start a new run."
            )


def _no_run(folder: Path) -> str:
    if (folder / "config.yaml").exists():
        return (
            f"{folder}: there is no {FILE}, so the run died before it had begun, or it was removed. Nothing was spent:"
            " remove the folder, and start again with `elt run`."
        )
    return f"{folder} is not the folder of a run: it has no config.yaml. Give the folder that `elt run` named."
