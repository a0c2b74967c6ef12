"""What a configuration may not say.

Hydra itself calls Python objects that a configuration names (launchers, callbacks, logging). So
every configuration that it composes is looked through before Hydra acts on it: what may name an
object at all, names one that is known. A configuration is also what people hand to each other, so
it does not read the environment of whoever uses it, and holds no secrets.
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
NODE = re.compile(r"\$\{[\w.\[\]]+\}")  # another setting
CLOCK = re.compile(r"\$\{(now|hydra):[^${}]*\}")  # what names folders of Hydra's
FILE = re.compile(r"\.?\w[\w.-]{0,63}")  # a name without a path
SECRET = re.compile(
    r"(^|[_-])(passw(or)?d|passphrase|token|secret|credential|api_?key|private_?key|access_?key)s?([_-]|$)",
    re.IGNORECASE,
)
SIGNED_IN = re.compile(r"\w+://[^/@\s]*:[^/@\s]*@")  # an address with a password

OBJECTS = (
    "a configuration cannot name Python objects to call, nor files and variables of the system. Leave it out; parts"
    " are chosen by registered name, GROUP=NAME"
)
READS = (
    "a configuration says the same wherever it is read: it takes nothing from the environment and decodes nothing."
    " Write the value itself, or the name of another setting, as in ${seed}"
)
OPEN = (
    "run folders are there to be shown to others, and so hold no secrets. Leave it out, and let the program that needs"
    " it find it in its environment or in a file of yours"
)
RESOLVED = "a stored configuration holds values alone. Write the value itself"


def vet(tree: Any, classes: Callable[[], set[str]]) -> None:
    """Refuse a plain configuration that names what to call; `classes` are Hydra's launchers and sweepers."""
    for path, value in sorted(_walk(tree), key=lambda one: one[0][0] == "hydra"):  # whose overrides repeat the rest
        if path == ("hydra", "verbose") and not isinstance(value, (bool, str, list)):
            raise ConfigurationError(f"hydra.verbose={value}: give true, false or names of loggers, [NAME, …].")
        if not _allowed(path, value, classes):
            raise _refused(path, value, OBJECTS)
        if not _speaks_for_itself(value, *([CLOCK] if path[0] == "hydra" else [])):
            raise _refused(path, value, READS)
        _no_secret(path, value)


def vet_stored(tree: Any) -> None:
    """Refuse a configuration from a file of a run that says more than values."""
    for path, value in _walk(tree):
        if path[-1] in CALLS:
            raise _refused(path, value, OBJECTS)
        if isinstance(value, str) and "${" in value:
            raise _refused(path, value, RESOLVED)
        _no_secret(path, value)


def _refused(path: tuple[str, ...], value: Any, why: str) -> ConfigurationError:
    if path[:3] == ("hydra", "job", "env_set"):  # Hydra puts there what it copies from the environment
        value = "…"
    return ConfigurationError(f"{'.'.join(path)}={value}: refused, for {why}.")


def _no_secret(path: tuple[str, ...], value: Any) -> None:
    named = value not in (None, "") and SECRET.search(path[-1])
    if named or (isinstance(value, str) and SIGNED_IN.search(value)):
        raise ConfigurationError(f"{'.'.join(path)}=…: refused, for {OPEN}.")


def _speaks_for_itself(value: Any, *more: re.Pattern[str]) -> bool:
    """Say whether a text is plain but for references to other settings, and for what `more` allows."""
    rest = value if isinstance(value, str) else ""
    for known in (NODE, *more):
        rest = known.sub("", rest)
    return "${" not in rest


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
    return path[0] != "hydra" or _allowed_of_hydra(path, value)


def _allowed_of_hydra(path: tuple[str, ...], value: Any) -> bool:
    key = path[-1]
    text = value if isinstance(value, str) else ""
    match path[1:]:
        case ("job_logging" | "hydra_logging", *_):
            return value in LOGGING[key] if key in LOGGING else not INDIRECT.search(text)
        case ("launcher" | "sweeper", *_):
            return not SWEEP.search(text)
        case ("callbacks", *_) | ("job", "env_copy", *_):
            return not value
        case ("job", "env_set", name):
            return name in ENVIRONMENT
        case ("job", "name") | ("output_subdir",):  # they name what Hydra writes in the run folder
            return FILE.fullmatch(text or "none") is not None
        case () | ("job",) | ("job", "env_set"):
            return not text  # a whole section given by an interpolation would escape the rules above
        case _:
            return True
