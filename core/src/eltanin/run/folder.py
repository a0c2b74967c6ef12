"""The run folder: what a campaign leaves behind, and all that a report, a resume or a user needs of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from eltanin.compose import restore
from eltanin.conf import stored
from eltanin.errors import EltaninError
from eltanin.parts.settings import Run
from eltanin.run.begun import Begun
from eltanin.store import checked, durable, lines
from eltanin.store.checkpoint import Found, find_snapshot, load_tree, save_snapshot, save_tree, set_aside
from eltanin.store.durable import IntegrityError
from eltanin.store.leases import Lease, holder
from eltanin.store.sealed import sha256

ROUNDS, FAILURES = "rounds.jsonl", "failures.jsonl"


class Superseded(EltaninError):
    """Another process drives this run now: this one has nothing to say any more."""


class RunFolder:
    """A view of the files; it holds no state of its own but what it has read.

    lease: of whoever drives the run. Before each writing it is looked at, so that a driver that slept
    while another took over does no harm.
    """

    def __init__(self, path: Path, lease: Lease | None = None) -> None:
        """Look at a folder, which need not hold a run yet."""
        self.path, self.lease = path, lease

    @cached_property
    def begun(self) -> Begun:
        """What it was begun with."""
        return Begun.read(self.path)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, plain."""
        self.begun.check(self.path / "config.yaml")
        return stored.load(self.path / "config.yaml")

    @cached_property
    def restored(self) -> tuple[Run, dict[str, str]]:
        """The run with its components built again, and the distributions they come from now."""
        return restore(self.config)

    @property
    def parts(self) -> Run:
        """The components that the run is made of."""
        return self.restored[0]

    @property
    def domain(self) -> Any:
        """The domain component."""
        return self.parts.domain

    @property
    def committee(self) -> list[Any]:
        """The predictors of the members as the last snapshot has them; none before the first training."""
        return [self.parts.model.predictor(state) for state in self.snapshot.models] if self.snapshot else []

    @cached_property
    def plugins(self) -> dict[str, str]:
        """The distributions and versions that the run was started with."""
        self.begun.check(self.path / "plugins.json")
        return json.loads(durable.read(self.path / "plugins.json"))

    @property
    def started_in(self) -> Path:
        """The folder that the relative paths of the configuration begin in; here, if it is gone."""
        there = Path(self.begun.started_in)
        return there if there.is_dir() else Path.cwd()

    @property
    def command(self) -> str:
        """The command that reproduces the run."""
        return shlex.join(["elt", "run", *self.begun.overrides])

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """A record for each round."""
        return lines.read(self.path / ROUNDS)[0]

    @property
    def summary(self) -> dict[str, Any]:
        """What scripts rely on; empty until the campaign stops."""
        return self._summary[0] or {}

    @cached_property
    def found(self) -> Found:
        """The last snapshot that is whole, and what is wrong with those after it."""
        self.restored  # noqa: B018  the types of what is stored come from the components
        return find_snapshot(self.path / "checkpoint")

    @property
    def snapshot(self) -> Any:
        """The last durable snapshot, if there is one."""
        return self.found.snapshot

    @property
    def data(self) -> Any:
        """The labelled rows, if there are any yet."""
        return self.snapshot.data if self.snapshot else None

    @property
    def pools(self) -> list[Any]:
        """What was said of each pool, round by round."""
        return [pool for pool, wrong in self._pools if not wrong]

    @property
    def validation(self) -> dict[str, Any] | None:
        """The independent test set ("x", "labels") and, at the end, what was "predicted" for it."""
        return self._validation[0]

    @property
    def wrong_with_validation(self) -> str:
        """Why the test set that is there cannot be read, if that is so."""
        return self._validation[1]

    @property
    def measured(self) -> dict[str, Any]:
        """The arrays by name that a validation measured of the committee in the end."""
        return self._measured[0] or {}

    @property
    def lines_lost(self) -> list[str]:
        """What lines are torn, damaged or missing, in words."""
        torn = {self.path / name: lines.read(self.path / name)[1] for name in (ROUNDS, FAILURES)}
        told = [f"{path}: lines that are torn or damaged: {count}" for path, count in torn.items() if count]
        there = {record["round"] for record in self.rounds}
        if missing := sorted({*range(self.snapshot.round if self.snapshot else 0)} - there):
            told.append(f"{self.path / ROUNDS}: no line tells of round {', '.join(map(str, missing))}")
        return told

    @property
    def damaged(self) -> list[str]:
        """What of all this is damaged, and was left out, in words."""
        others = [wrong for wrong in (self._summary[1], self.wrong_with_validation, self._measured[1]) if wrong]
        return [*self.found.wrong, *self.lines_lost, *others, *(wrong for _, wrong in self._pools if wrong)]

    def begin(self, config: Mapping[str, Any], plugins: Mapping[str, str], **begun: Any) -> None:
        """Write down what the run is, before it does anything."""
        durable.make_folder(self.path, mode=0o700)
        self._may_write()
        contents = {
            "config.yaml": OmegaConf.to_yaml(OmegaConf.create(dict(config))).encode(),
            "plugins.json": json.dumps(plugins, indent=2).encode() + b"\n",
        }
        for name, content in contents.items():
            durable.replace(self.path / name, content)
        self.begun = Begun(files={name: sha256(content) for name, content in contents.items()}, **begun)
        self.begun.write(self.path)
        self.config, self.plugins = dict(config), dict(plugins)

    def mend(self) -> list[str]:
        """Set aside what is wrong with the checkpoint, so that a run can go on; say what was."""
        if self.found.wrong:
            self._may_write()
            set_aside(self.path / "checkpoint", self.found)
        return self.found.wrong

    def save(self, snapshot: Any) -> None:
        """Make a snapshot durable, and what was written down before it."""
        self._may_write()
        for name in (ROUNDS, FAILURES):
            if (self.path / name).exists():
                durable.sync(self.path / name)
        save_snapshot(self.path / "checkpoint", snapshot)

    def save_pool(self, number: int, feedback: Any) -> None:
        """Keep what was said of a pool, for the report."""
        self.save_tree(f"pools/{number:06d}", feedback)

    def save_validation(self, tree: dict[str, Any]) -> None:
        """Keep the independent test set, and what was predicted for it."""
        self.save_tree("validation", tree)
        self._validation = (tree, "")

    def save_tree(self, name: str, tree: Any) -> None:
        """Write a tree of arrays."""
        self._may_write()
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        save_tree(path, tree)

    def save_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write JSON that carries its checksum."""
        self._may_write()
        checked.write(self.path / name, content)

    def save_bytes(self, name: str, content: bytes) -> None:
        """Put content in the place of a file."""
        self._may_write()
        durable.replace(self.path / name, content)

    def save_by(self, name: str, write: Any) -> None:
        """Let somebody write a file at the path that it is called with; it gets its name when it is whole."""
        self._may_write()
        partial, path = self.path / f".new-{name}", self.path / name
        write(partial)
        durable.sync(partial)
        self._may_write()
        partial.replace(path)
        durable.sync(self.path)

    def append(self, name: str, record: Mapping[str, Any]) -> None:
        """Add a line; it becomes durable with the next snapshot."""
        self._may_write()
        lines.append(self.path / name, checked.finite(record), fsync=False)

    def forget_from(self, number: int) -> None:
        """Drop the lines of rounds that no snapshot knows: they will be done again."""
        self._may_write()
        for name in (ROUNDS, FAILURES):
            records, torn = lines.read(self.path / name)
            kept = [record for record in records if record["round"] < number]
            if torn or kept != records:
                lines.replace(self.path / name, kept)

    @property
    def _summary(self) -> tuple[Any, str]:
        return _tried(lambda: checked.read(self.path / "summary.json"))

    @cached_property
    def _validation(self) -> tuple[Any, str]:
        return _tried(lambda: self._tree("validation"))

    @cached_property
    def _measured(self) -> tuple[Any, str]:
        return _tried(lambda: self._tree("measured"))

    @cached_property
    def _pools(self) -> list[tuple[Any, str]]:
        paths = sorted((self.path / "pools").glob("*.json"))
        return [_tried(lambda path=path: self._tree(f"pools/{path.stem}")) for path in paths]

    def _tree(self, name: str) -> Any:
        self.restored  # noqa: B018  the types of what is stored come from the components
        return load_tree(self.path / name)

    def _may_write(self) -> None:
        if self.lease is not None and not self.lease.held():
            raise Superseded(
                f"{self.path} is driven by {holder(self.path, self.lease.name) or 'somebody else'} now, which took over"
                " while this process was halted. It ends here, and has written nothing since."
            )


def _tried(read: Callable[[], Any]) -> tuple[Any, str]:
    """Return what could be read, and why it could not."""
    try:
        return read(), ""
    except FileNotFoundError:  # not there yet
        return None, ""
    except IntegrityError as error:
        return None, str(error)
