"""What a configuration may not say.

Hydra itself calls Python objects that a configuration names (launchers, callbacks, logging). So
every configuration that it composes is looked through before Hydra acts on it: what may name an
object at all, names one that is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

from eltanin.errors import ConfigurationError

CALLS = {"_target_", "_args_", "_partial_", "_recursive_", "_convert_", "_execution_whitelist_"}
TARGETS = {"hydra.launcher._target_", "hydra.sweeper._target_"}
LOGGING = {
    "class": {"logging.StreamHandler", "logging.FileHandler"},
    "()": {"colorlog.ColoredFormatter"},
    "stream": {"ext://sys.stdout", "ext://sys.stderr"},
    "filename": {"${hydra.runtime.output_dir}/${hydra.job.name}.log"},
}
ENVIRONMENT = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"}
# An interpolation can hide what is forbidden (`${oc.decode:…}`), so where it would matter it must be one of these.
SWEEP = re.compile(r"\$\{(?!hydra\.(sweep\.dir|job\.name)\})")
INDIRECT = re.compile(r"\$\{|\w+://")


def vet(tree: Any, classes: Callable[[], set[str]]) -> None:
    """Refuse a plain configuration that names what to call; `classes` are Hydra's launchers and sweepers."""
    for path, value in _walk(tree):
        if not _allowed(path, value, classes):
            raise ConfigurationError(
                f"{'.'.join(path)}={value}: refused, for a configuration cannot name Python objects to call, nor"
                " files and variables of the system. Leave it out; parts are chosen by registered name, GROUP=NAME."
            )


def _walk(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    items: Any = ()
    if isinstance(tree, dict):
        items = cast("dict[Any, Any]", tree).items()
    elif isinstance(tree, (list, tuple)):
        items = enumerate(cast("list[Any]", tree))
    for key, value in items:
        here = (*path, str(key))
        yield here, value
        yield from _walk(value, here)


def _allowed(path: tuple[str, ...], value: Any, classes: Callable[[], set[str]]) -> bool:
    key, at = path[-1], ".".join(path)
    if key in CALLS:
        return at in TARGETS and value in classes()
    if path[0] != "hydra":
        return True
    text = value if isinstance(value, str) else ""
    match path[1:]:
        case ("job_logging" | "hydra_logging", *_):
            return value in LOGGING[key] if key in LOGGING else not INDIRECT.search(text)
        case ("launcher" | "sweeper", *_):
            return not SWEEP.search(text)
        case ("callbacks", *_):
            return not value
        case ("job", "env_set", name):
            return name in ENVIRONMENT
        case () | ("job",) | ("job", "env_set"):
            return not text  # a whole section given by an interpolation would escape the rules above
        case _:
            return True
