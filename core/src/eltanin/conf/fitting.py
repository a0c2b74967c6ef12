"""How a preset fits parts that are chosen instead of its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hydra._internal.config_repository import IConfigRepository
from hydra.core.default_element import GroupDefault, InputDefault, ResultDefault
from omegaconf import DictConfig, OmegaConf

from eltanin.conf import presets
from eltanin.parts.schema import chosen_first
from eltanin.registry import load


def fit(defaults: Iterable[ResultDefault], repository: IConfigRepository) -> None:
    """Drop what a preset sets in a part that another was chosen for: its settings hold for its own parts."""
    chosen = {default.package: default.config_path for default in defaults}
    for path in [path for path in chosen.values() if path and path.startswith(f"{presets.GROUP}/")]:
        preset = repository.load_config(path)
        if preset is None:
            continue
        said = own_parts(preset.defaults_list or ())
        parts = list(said.items())
        for place, (group, option) in parts:  # it grows by the parts that these begin with
            if chosen.get(place) != f"{group}/{option}":
                drop(preset.config, place)
            elif option:
                begins = chosen_first(load(group, option))
                nested = [(f"{place}.{at}", (within, first)) for within, at, first in begins]
                parts += [part for part in nested if part[0] not in said]


def own_parts(defaults: Iterable[InputDefault]) -> dict[str, tuple[str, str | None]]:
    """Return (group, option) of the parts that a preset chooses, by the place that they fill."""
    chosen = [one for one in defaults if isinstance(one, GroupDefault) and one.is_override()]
    groups = [(one.package, str(one.group).strip("/"), str(one.value)) for one in chosen]
    return {place or group.replace("/", "."): (group, option) for place, group, option in groups}


def drop(tree: Any, place: str) -> None:
    """Take a node out of a tree, if it is there."""
    above, _, last = place.rpartition(".")
    holder: Any = OmegaConf.select(tree, above) if above else tree
    if isinstance(holder, DictConfig):
        holder.pop(last, None)
