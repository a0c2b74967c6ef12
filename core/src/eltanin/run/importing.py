"""Models that another program trained: `elt import FILE` makes a folder of one, which is used as a run's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from omegaconf import OmegaConf

from eltanin.conf.vet import vet_stored
from eltanin.errors import ConfigurationError
from eltanin.parts.build import make
from eltanin.parts.schema import schema, slots
from eltanin.registry import find, load, options, origin
from eltanin.run.driver import opened
from eltanin.run.folder import RunFolder
from eltanin.run.publish import guarantees, save_members
from eltanin.store import checked, durable

EXPORTER = "exporter"  # the group of those that write another program's form, and may read it
MANIFEST = "model/manifest.json"
NOTHING: Mapping[str, Any] = dict.fromkeys(("domain", "data", "system", "executor"))  # a campaign gives these


@runtime_checkable
class Importer(Protocol):
    """An exporter that reads its form too."""

    suffix: str

    def read(self, path: Path) -> tuple[Mapping[str, Any], Any]:
        """Return the settings of a model, each component with its `_name_`, and a state; or raise a ValueError."""
        ...


@dataclass(frozen=True)
class Handed:
    """What a folder with nothing but a model has of a run."""

    model: Any
    domain: Any


class ModelFolder(RunFolder):
    """A folder with a committee in model/, and no run around it."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """The settings of the model."""
        return {"model": checked.read(self.path / MANIFEST)["settings"]}

    @cached_property
    def restored(self) -> tuple[Any, dict[str, str]]:
        """The model and its domain, and the distributions they come from now."""
        vet_stored(self.config)
        settings = self.config["model"]
        name = str(settings["_name_"])
        domain = load("domain", load("model", name).domain)()
        model = make(load("model", name), settings, {**NOTHING, "domain": domain}, "model", name)
        return Handed(model, domain), {f"model={name}": origin(find("model", name))}


def trained(folder: Path) -> RunFolder:
    """Open what holds a trained committee: a run, or a model that was imported."""
    imported = (folder / MANIFEST).exists() and not (folder / "run.json").exists()
    return ModelFolder(folder.resolve()) if imported else opened(folder)


def import_model(path: Path, output: Path | None, form: str | None, words: Sequence[str]) -> int:
    """Make a folder of a model in a file; words: settings of who reads it, as KEY=VALUE."""
    output = output or Path(path.stem)
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigurationError(f"{output} is there already: give -o a name that is free")
    form = form or form_of(path)
    importer = component(EXPORTER, form, words)
    if not isinstance(importer, Importer):
        raise ConfigurationError(f"--format {form}: it is written, but not read")
    try:
        settings, state = importer.read(path)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    try:
        save(output, completed("model", settings), state)
    except OSError as error:
        raise ConfigurationError(f"{output} cannot be written ({error}): give another -o") from error
    print(f"{output}: a committee of one; `elt predict {output} STRUCTURES`, `elt evaluate {output} DATA`")  # noqa: T201
    return 0


def save(output: Path, settings: Mapping[str, Any], state: Any) -> None:
    """Write the folder, the manifest last."""
    durable.make_folder(output)
    files = ModelFolder(output.resolve())
    files.config = {"model": settings}
    handed, versions = files.restored
    name = str(settings["_name_"])
    manifest = {
        "model": name,
        "domain": handed.model.domain,
        "settings": settings,
        "measure": handed.domain.measure,
        "guarantees": guarantees(handed.model),
        "sha256": save_members(files, [state]),
        "versions": versions,
    }
    files.save_json(MANIFEST, manifest)


def form_of(path: Path) -> str:
    """Return the name of who reads files that are called so."""
    forms = {name: str(getattr(load(EXPORTER, name), "suffix", "")) for name in options(EXPORTER)}
    for name, suffix in forms.items():
        if suffix and suffix == path.suffix:
            return name
    known = ", ".join(f"*{suffix} ({name})" for name, suffix in forms.items()) or "nothing; install an exporter"
    raise ConfigurationError(f"{path}: no form goes by this name. There is: {known}. Rename it, or give --format.")


def component(group: str, name: str, words: Sequence[str]) -> Any:
    """Return a component that stands by itself, told these settings."""
    cls = load(group, name)
    if odd := [word for word in words if "=" not in word]:
        raise ConfigurationError(f"{odd[0]} is no setting: say NAME=VALUE; `elt show {group} {name}` has the names")
    told: Any = OmegaConf.to_container(OmegaConf.from_dotlist([*words]))
    return make(cls, completed(group, {**told, "_name_": name}), NOTHING, group, name)


def completed(group: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a component, with its defaults where they say nothing."""
    name = str(raw["_name_"])
    cls = load(group, name)
    default: Any = OmegaConf.to_container(OmegaConf.structured(schema(cls, name)), enum_to_str=True)
    parts = {spot.name: completed(spot.metadata["slot"], raw[spot.name]) for spot in slots(cls) if raw.get(spot.name)}
    return {**default, **raw, **parts}
