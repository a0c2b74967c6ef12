"""What a campaign leaves, in the hands of a program: `eltanin.committee(RUN)` and `eltanin.calculator(RUN)`."""

from __future__ import annotations

from contextlib import chdir
from pathlib import Path
from typing import Any

from eltanin.errors import ConfigurationError
from eltanin.protocols import Predictor
from eltanin.run.importing import MANIFEST, ModelFolder, trained
from eltanin.run.publish import committee_of, load_committee


def committee(folder: Path) -> list[Predictor[Any, Any]]:
    """Return the predictors of a run, or of a model that was imported."""
    return _opened(folder)[0]


def calculator(folder: Path, **settings: Any) -> Any:
    """Return what the field's own programs take a model as."""
    members, domain = _opened(folder)
    if not hasattr(domain, "calculator"):
        raise ConfigurationError(
            f"{folder}: other programs know no calculator of the domain {domain.domain}: eltanin.committee(folder) is"
            " its predictors, and each has .predict(x)"
        )
    return domain.calculator(members, **settings)


def members(folder: Path) -> tuple[Any, list[Any]]:
    """Return the model of such a folder and the state of each member: what another training may start from."""
    if not (folder / MANIFEST).is_file():
        raise ConfigurationError(
            f"{folder} holds no trained model (looked in {Path.cwd()}): give the folder of a finished run, or one that"
            " `elt import FILE` made"
        )
    files = ModelFolder(folder.resolve())
    return files.restored[0].model, load_committee(files)


def _opened(folder: Path) -> tuple[list[Predictor[Any, Any]], Any]:
    with chdir("."):  # a run is opened where it was started; the program stays where it is
        files = trained(folder)
        return committee_of(files), files.domain
