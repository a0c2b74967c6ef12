"""ASE's calculators by the names under which ASE registers them; never by an import path."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from ase.calculators.calculator import FileIOCalculator, external_calculators, get_calculator_class
from ase.calculators.genericfileio import GenericFileIOCalculator
from ase.calculators.names import names

from eltanin.registry import nearest

# What would run a command, or read and write where a configuration must not reach.
CLOSED = {"command", "profile", "restart", "label", "directory", "atoms", "txt", "outfile", "log_file", "tmp_dir"}
# Calculators that have a default for every parameter they take, so that any other name is a slip.
COMPLETE = {"emt", "lj", "morse"}


def calculator_class(name: str) -> Any:
    """Return the calculator (a class, or a function that makes one) that ASE calls `name`."""
    known = sorted({*names, *external_calculators})
    if name not in known:
        raise ValueError(f"calculator={name} is not one that ASE knows by name{nearest(name, known)}")
    try:
        return get_calculator_class(name)
    except ImportError as error:
        raise ValueError(
            f"calculator={name} needs a package that is missing: {error}. Install it, or choose another."
        ) from error


def check_parameters(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that are closed, no plain values, or unknown where all are known."""
    known = sorted(calculator_class(name).default_parameters) if name in COMPLETE else sorted(parameters)
    for key, value in parameters.items():
        if key in CLOSED:
            raise ValueError(
                f"parameters.{key} is not for a campaign to set: a program's command and folders"
                " stand in ASE's configuration (ase.config), or are chosen for each label"
            )
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"parameters.{key}={value!r}: give a number, a string, or true or false")
        if key not in known:
            raise ValueError(f"parameters.{key} is unknown to {name}{nearest(key, known)}")


def writes_files(kind: Any) -> bool:
    """Tell whether a calculator works in a folder, and so needs one of its own."""
    if not isinstance(kind, type):
        return False
    named = "directory" in signature(kind.__init__).parameters
    return named or issubclass(kind, (FileIOCalculator, GenericFileIOCalculator))
