"""Where Hydra may write: a folder of its own for every run, private, and gone if nothing came of it."""

from __future__ import annotations

import shutil
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eltanin.conf.explain import explain
from eltanin.errors import ConfigurationError, EltaninError

# Both call it by this name, and it is the same in Hydra 1.3 and 1.4.
CALLERS = ("hydra._internal.hydra", "hydra._internal.core_plugins.basic_launcher")


class Ended(EltaninError):
    """A job of a sweep ended otherwise than well, and has said so itself."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code

    def __str__(self) -> str:
        return "not every job of the sweep ended well: see what was said of each above"


def install() -> None:
    """Look at the folder of every job before Hydra writes into it."""
    for caller in map(import_module, CALLERS):
        caller.run_job = guarded(caller.run_job)  # type: ignore[attr-defined]


def guarded(run_job: Any) -> Any:
    """Wrap what runs a job: a folder that cannot be its own is refused, and left as it is."""

    def look_first(*args: Any, **kwargs: Any) -> JobReturn:
        config, keys = kwargs["config"], (kwargs["job_dir_key"], kwargs["job_subdir_key"])
        hydras = {".hydra", f"{config.hydra.job.name}.log"}
        try:
            folder = made(folder_of(config, [key for key in keys if key]), hydras)
        except ConfigurationError as error:
            if config.hydra.mode != RunMode.MULTIRUN:
                raise
            return refused(error)  # and the other jobs of the sweep go on
        try:
            return run_job(*args, **kwargs)
        finally:
            if {path.name for path in folder.iterdir()} <= hydras:
                shutil.rmtree(folder)

    return look_first


def folder_of(config: DictConfig, keys: list[str]) -> Path:
    """Return the folder that a job will write to."""
    before, HydraConfig.instance().cfg = HydraConfig.instance().cfg, None
    try:
        HydraConfig.instance().set_config(config)
        return Path(*(str(OmegaConf.select(config, key)) for key in keys)).absolute()
    except OmegaConfBaseException as error:
        raise ConfigurationError(explain(error)) from error
    finally:
        HydraConfig.instance().cfg = before


def made(folder: Path, hydras: set[str]) -> Path:
    """Make the folder of a run, for its owner alone; in one that is there may be what Hydra left when it died."""
    try:
        if (folder / "run.json").exists():
            raise ConfigurationError(
                f"{folder} holds a run already: go on with `elt resume {folder}`, or give another hydra.run.dir=FOLDER."
            )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = sorted({path.name for path in folder.iterdir()} - hydras)
        if any(name.startswith("driver.lease-") for name in others):
            others = []  # a run is beginning here, or died at that: who holds the lease decides
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(
            f"{folder}: no run can begin there ({why}). Give a folder that can be made, with hydra.run.dir=FOLDER."
        ) from error
    if others:
        raise ConfigurationError(
            f"{folder} holds other files already ({', '.join(others[:3])}): a run has a folder of its own. Give"
            " another hydra.run.dir=FOLDER."
        )
    return folder


def refused(error: ConfigurationError) -> JobReturn:
    """Return what Hydra takes for a job that failed."""
    print(f"elt: {error}", file=sys.stderr)  # noqa: T201
    job = JobReturn()
    job.status, job.return_value = JobStatus.FAILED, Ended(error.exit_code)
    return job
