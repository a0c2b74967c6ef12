"""Composition: Hydra reads the registry, and what it composed becomes a run."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import hydra
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eltanin.conf import places, presets, sources, stored
from eltanin.conf.explain import explain
from eltanin.conf.fitting import fit
from eltanin.conf.places import Ended
from eltanin.conf.vet import vet, vet_stored
from eltanin.errors import ConfigurationError, EltaninError
from eltanin.parts.build import build, with_domain
from eltanin.parts.settings import Run
from eltanin.registry import groups

STOPPED = 75
NEW = tuple(map(int, hydra.__version__.split(".")[:2])) >= (1, 4)
OPTIONS: dict[str, Any] = {"execution_whitelist": ()} if NEW else {"version_base": "1.3"}
UNREADABLE = "The command line, or a preset, says something that Hydra cannot read."
CLOSED = ("--e", "--config-p", "-cp", "hydra.searchpath", "+hydra.searchpath", "++hydra.searchpath")


class Refused(ConfigurationError, ConfigCompositionException):
    """A configuration error in the shape that Hydra's own parts (tab completion) understand."""


def restore(config: Mapping[str, Any]) -> tuple[Run, dict[str, str]]:
    """Return the run of a plain configuration, and the distributions that its components came from."""
    vet_stored(config)
    return build(Run, config)


def plain(node: Any) -> Any:
    """Return a configuration as data that any YAML reader takes."""
    if OmegaConf.is_config(node):
        node = OmegaConf.to_container(node, resolve=True)
    if isinstance(node, dict):
        return {plain(key): plain(value) for key, value in cast("dict[Any, Any]", node).items()}
    if isinstance(node, (list, tuple)):
        return [plain(value) for value in cast("list[Any]", node)]
    return node.name if isinstance(node, Enum) else str(node) if isinstance(node, Path) else node


def run(arguments: Sequence[str]) -> int:
    """Compose and run one campaign, or a sweep of them; return the exit code."""
    sys.argv[1:] = readable(with_preset(arguments))
    return handed_to_hydra()


def complete(arguments: Sequence[str]) -> int:
    """Tell a shell how a command line may go on; it completes `elt run …`, Hydra knows of `elt …`."""
    if line := os.environ.get("COMP_LINE"):
        os.environ["COMP_LINE"] = line.replace(" run ", " ", 1)
    sys.argv[1:] = arguments
    return handed_to_hydra()


def handed_to_hydra() -> int:
    """Let Hydra do what the command line says."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come up to us, instead of being printed there and ending with 1
    try:
        hydra.main(config_path="pkg://eltanin.conf", config_name="config", **OPTIONS)(task)()
    except (HydraException, OmegaConfBaseException) as error:
        raise error if isinstance(error, EltaninError) else ConfigurationError(explain(error)) from error
    except (OSError, ValueError, TypeError, AssertionError, RecursionError) as error:  # Hydra's: `task` lets none out
        raise ConfigurationError(f"{error or type(error).__name__}. {UNREADABLE}") from error
    return 0


def with_preset(arguments: Sequence[str]) -> list[str]:
    """Return a command line that names a preset: the first, unless it says another or none."""
    none = (f"~{presets.GROUP}", f"{presets.GROUP}=null")
    if any(one.lstrip("~+").partition("=")[0] == presets.GROUP for one in arguments):
        return [one for one in arguments if one not in none]
    first = [f"{presets.GROUP}={presets.FIRST}"] if presets.FIRST in presets.presets() else []
    return [*first, *arguments]


def readable(arguments: Sequence[str]) -> list[str]:
    """Return a command line as Hydra 1.3 wants it; refuse what would make Hydra run code."""
    for one in arguments:
        if one.startswith(CLOSED):
            raise ConfigurationError(f"{one}: refused, for it can make Hydra run code; use --config-dir=FOLDER.")
        if one.startswith("="):
            raise ConfigurationError(f"{one} sets nothing: write KEY=VALUE.")
    for folder in folders_of(arguments):
        for path in sorted(folder.rglob("*.yaml")):
            stored.check(path)
    told = [emptied(one) for one in arguments]
    for at, one in enumerate(told):
        if one in ("--info", "-i") and (at + 1 == len(told) or "=" in told[at + 1]):
            told[at] = "--info=all"
    return sorted(told, key=lambda one: not one.startswith("-") and ("=" in one or one[:1] == "~"))


def folders_of(arguments: Sequence[str]) -> list[Path]:
    """Return the folders of presets that a command line names: whoever wrote them may be a stranger."""
    flags = ("--config-dir", "-cd")
    after = [then for one, then in pairwise(arguments) if one in flags]
    return [Path(one) for one in (*after, *(a.partition("=")[2] for a in arguments if a.startswith("--config-dir=")))]


def emptied(override: str) -> str:
    """Return ``~GROUP`` for ``GROUP=null``, which Hydra cannot read."""
    group, _, name = override.partition("=")
    known = group.partition("@")[0] in groups()
    return f"~{group}" if known and name in ("null", "None") else override


def task(composed: DictConfig) -> None:
    """Run one composed configuration, and end as it ends."""
    job = HydraConfig.get()
    code = attempt(composed, Path(job.runtime.output_dir))
    if job.mode == RunMode.RUN or code == STOPPED:  # whoever stops one job wants the sweep to stop
        sys.exit(code)
    if code:
        raise Ended(code)


def attempt(composed: DictConfig, folder: Path) -> int:
    """Return the exit code of a run; say at once what went wrong, for other jobs may follow."""
    try:
        return start(composed, folder)
    except EltaninError as error:
        print(f"elt: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except Exception:  # a bug, in a plugin or here: the other jobs of a sweep go on
        traceback.print_exc()
        return 1


def start(composed: DictConfig, folder: Path) -> int:
    """Build the run, and start it in a folder of its own."""
    try:
        config = plain(composed)
    except OmegaConfBaseException as error:
        raise ConfigurationError(explain(error)) from error
    campaign, plugins = restore(config)
    from eltanin.run import driver  # not before the configuration is known to be right

    return driver.start(campaign, with_domain(Run, config), plugins, folder, said())


def said() -> list[str]:
    """Return the command line that composes this again."""
    overrides: list[str] = list(HydraConfig.get().overrides.task)
    preset = any(one.lstrip("~+").partition("=")[0] == presets.GROUP for one in overrides)
    return overrides if preset else [f"{presets.GROUP}=null", *overrides]


def callables() -> set[str]:
    """Return the launchers and sweepers that are installed for Hydra."""
    return set(Plugins.instance().class_name_to_class)


def vetted(load: Any) -> Any:
    """Wrap what composes a configuration, so that all of it is vetted before Hydra acts on it."""

    def load_and_vet(self: Any, *args: Any, **kwargs: Any) -> DictConfig:
        try:
            composed = load(self, *args, **kwargs)
            vet(OmegaConf.to_container(composed, resolve=False), callables)
        except (HydraException, OmegaConfBaseException, EltaninError) as error:
            raise Refused(explain(error)) from error
        except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as error:
            raise Refused(f"{error}. {UNREADABLE}") from error
        return composed

    return load_and_vet


def fitted(merge: Any) -> Any:
    """Wrap what merges all that was chosen, so that a preset fits parts chosen instead of its own."""

    def fit_and_merge(self: Any, defaults: Any, repo: Any) -> DictConfig:
        fit(defaults, repo)
        return merge(self, defaults, repo)

    return fit_and_merge


# Importing this module installs all of it, so that workers of a launcher, which unpickle `task`, have them too.
# The two methods are private, and the same in Hydra 1.3 and 1.4; no public hook comes early enough.
sources.install()
places.install()
for method, wrap in {"_load_configuration_impl": vetted, "_compose_config_from_defaults_list": fitted}.items():
    setattr(ConfigLoaderImpl, method, wrap(getattr(ConfigLoaderImpl, method)))
