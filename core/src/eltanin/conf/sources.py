"""What Hydra reads: the registry, and the presets that installed packages bring."""

from __future__ import annotations

from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf, open_dict

from eltanin.conf import presets
from eltanin.conf.explain import explain
from eltanin.errors import ConfigurationError
from eltanin.parts.schema import chosen_first, schema, slots
from eltanin.parts.settings import Run
from eltanin.parts.synopsis import folders
from eltanin.registry import components, groups, load, options

ROOT = "settings"  # the name under which Hydra finds `Run`


class ComponentSource(ConfigSource):
    """Components as options of config groups; Hydra passes the arguments by these names."""

    @staticmethod
    def scheme() -> str:
        """Return the scheme of its address."""
        return "component"

    def available(self) -> bool:
        """Say that metadata can always be read."""
        return True

    def is_group(self, config_path: str) -> bool:
        """Say whether there are options below a path."""
        prefix = f"{config_path}/".lstrip("/")
        return any(f"{group}/".startswith(prefix) for group in of_campaigns())

    def is_config(self, config_path: str) -> bool:
        """Say whether a path is a component."""
        return config_path == ROOT or tuple(config_path.rpartition("/")[::2]) in components()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the components and the groups right below a path."""
        prefix = f"{config_path}/".lstrip("/")
        below = {group.removeprefix(prefix).split("/")[0] for group in of_campaigns() if group.startswith(prefix)}
        here = options(config_path)
        listed = {ObjectType.CONFIG: here, ObjectType.GROUP: below, None: {*here, *below}}
        return sorted(listed.get(results_filter, ()))

    def load_config(self, config_path: str) -> ConfigResult:
        """Return the schema of a component, with the parts that fill its slots at first."""
        group, _, name = config_path.rpartition("/")
        cls, label = (Run, None) if config_path == ROOT else (load(group, name), name)
        return ConfigResult(self.provider, f"component://{config_path}", node(cls, label), header={"package": None})


def of_campaigns() -> list[str]:
    """Return the groups that a campaign chooses from: an exporter is no part of one."""
    roles = {spot.metadata["slot"] for spot in slots(Run)}
    return [group for group in groups() if group.partition("/")[0] in roles]


def node(cls: type[Any], name: str | None) -> DictConfig:
    """Return a schema for Hydra to merge into; `_self_` is first, so that parts fill the slots."""
    try:
        tree: Any = OmegaConf.structured(schema(cls, name))
    except Exception as error:  # a type that OmegaConf lacks: the plugin's fault, whatever is raised
        raise ConfigurationError(
            f"{cls.__name__} cannot be configured: {explain(error)} Its fields must be numbers, strings, booleans,"
            " lists, tuples, dicts, enums or dataclasses that are not frozen."
        ) from error
    with open_dict(tree):
        tree.defaults = ["_self_", *({f"/{group}@{at}": option} for group, at, option in chosen_first(cls))]
    for key in [k for k in tree if k != "defaults"]:  # a dict takes new keys without a +
        child: Any = tree._get_node(key)
        if OmegaConf.is_dict(child) and not child._is_none() and not child._is_typed():
            OmegaConf.set_struct(child, False)
    return tree


class Search(SearchPathPlugin):
    """Where Hydra looks; of two sources that have a name the first wins."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Add components, then presets."""
        search_path.append("eltanin", "component://")
        for point in presets.packages():
            for folder in folders(point.value):
                search_path.append(point.name, f"file://{folder}")


def install() -> None:
    """Make Hydra read from here, in this process alone."""
    Plugins.instance().register(ComponentSource)
    Plugins.instance().register(Search)
