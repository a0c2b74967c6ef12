"""The run folder: what a campaign leaves behind, and all that a report, a resume or a user needs of it."""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from eltanin.compose import restore
from eltanin.errors import ConfigurationError
from eltanin.parts.settings import Run
from eltanin.store.checkpoint import load_snapshot, load_tree, save_snapshot, save_tree


class RunFolder:
    """A view of the files; it holds no state of its own but what it has read."""

    def __init__(self, path: Path) -> None:
        """Look at a folder, which need not hold a run yet."""
        self.path = path

    @cached_property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, plain."""
        try:
            loaded: Any = OmegaConf.to_container(OmegaConf.load(self.path / "config.yaml"))
        except FileNotFoundError:
            raise ConfigurationError(
                f"{self.path} is not the folder of a run: it has no config.yaml. Give the folder that `elt run` named."
            ) from None
        return loaded

    @cached_property
    def restored(self) -> tuple[Run, dict[str, str]]:
        """The run with its components built again, and the distributions they come from now."""
        return restore(self.config)

    @property
    def domain(self) -> Any:
        """The domain component."""
        return self.restored[0].domain

    @cached_property
    def plugins(self) -> dict[str, str]:
        """The distributions and versions that the run was started with."""
        return self._json("plugins.json", {})

    @property
    def started_in(self) -> Path:
        """The folder that the relative paths of the configuration begin in; here, if it is gone."""
        self.config  # noqa: B018  first of all, is this a run?
        told: Any = OmegaConf.load(self.path / ".hydra" / "hydra.yaml")
        there = Path(told.hydra.runtime.cwd)
        return there if there.is_dir() else Path.cwd()

    @property
    def command(self) -> str:
        """The command that reproduces the run, from Hydra's own record."""
        overrides: Any = OmegaConf.load(self.path / ".hydra" / "overrides.yaml")
        return shlex.join(["elt", "run", *overrides])

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """A record for each round."""
        path = self.path / "rounds.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def summary(self) -> dict[str, Any]:
        """What scripts rely on; empty until the campaign stops."""
        return self._json("summary.json", {})

    @cached_property
    def snapshot(self) -> Any:
        """The last durable snapshot."""
        if not (self.path / "checkpoint" / "snapshot.json").exists():
            return None
        self.restored  # noqa: B018  the types of what is stored come from the components
        return load_snapshot(self.path / "checkpoint")

    @property
    def data(self) -> Any:
        """The labelled rows, if there are any yet."""
        return self.snapshot.data if self.snapshot else None

    @cached_property
    def pools(self) -> list[Any]:
        """What was said of each pool, round by round."""
        self.restored  # noqa: B018  as above
        return [load_tree(p.with_suffix("")) for p in sorted((self.path / "pools").glob("*.json"))]

    @cached_property
    def validation(self) -> dict[str, Any] | None:
        """The independent test set ("x", "labels") and, at the end, what was "predicted" for it."""
        if not (self.path / "validation.json").exists():
            return None
        self.restored  # noqa: B018  as above
        return load_tree(self.path / "validation")

    def begin(self, config: Mapping[str, Any], plugins: Mapping[str, str]) -> None:
        """Write down what the run is, before it does anything."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(dict(config))))
        write_json(self.path / "plugins.json", plugins)

    def save(self, snapshot: Any) -> None:
        """Make a snapshot durable."""
        save_snapshot(self.path / "checkpoint", snapshot)

    def save_pool(self, number: int, feedback: Any) -> None:
        """Keep what was said of a pool, for the report."""
        (self.path / "pools").mkdir(exist_ok=True)
        save_tree(self.path / "pools" / f"{number:06d}", feedback)

    def save_validation(self, tree: Mapping[str, Any]) -> None:
        """Keep the independent test set, and what was predicted for it."""
        save_tree(self.path / "validation", tree)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add the record of a round."""
        with (self.path / "rounds.jsonl").open("a") as file:
            file.write(json.dumps(finite(record)) + "\n")

    def forget_from(self, number: int) -> None:
        """Drop the records of rounds that no snapshot knows: they will be done again."""
        kept = [json.dumps(record) + "\n" for record in self.rounds if record["round"] < number]
        write_text(self.path / "rounds.jsonl", "".join(kept))

    def _json(self, name: str, otherwise: Any) -> Any:
        path = self.path / name
        return json.loads(path.read_text()) if path.exists() else otherwise


def write_text(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old or the new text, never a part of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that any reader takes: what is not finite becomes null."""
    write_text(path, json.dumps(finite(content), indent=2) + "\n")


def finite(tree: Any) -> Any:
    """Return a tree of plain data with null for NaN and infinities, which JSON does not have."""
    if isinstance(tree, Mapping):
        return {key: finite(value) for key, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [finite(value) for value in tree]
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree
