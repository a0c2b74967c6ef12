"""Where files are that settings name: as given, or inside an installed package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "package:"


def locate(path: str) -> Path:
    """Return the file or folder that is called `path`, or package:PACKAGE/FILE, a package that is not imported.

    ValueError says what is not there.
    """
    if not path.startswith(PACKAGE):
        found = Path(path).expanduser()
        if not found.exists():
            raise ValueError(f"{path} does not exist (looked in {Path.cwd()}): correct the path")
        return found
    package, _, inside = path.removeprefix(PACKAGE).partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{path}: no package {package!r} is installed; write package:PACKAGE/FILE")
    roots = [Path(root).resolve() for root in spec.submodule_search_locations]
    for root in roots:
        found = (root / inside).resolve()
        if found.is_relative_to(root) and found.exists():
            return found
    raise ValueError(f"{path}: the package {package} has no such file (looked in {roots[0]})")
