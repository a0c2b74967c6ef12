"""What a class says of itself, read from its source without importing it."""

from __future__ import annotations

import ast
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class Synopsis(NamedTuple):
    """The domain of a component, and the first line of its docstring; empty where they cannot be read."""

    domain: str = ""
    line: str = ""


def synopsis(point: EntryPoint) -> Synopsis:
    """Return what the class of an entry point says of itself."""
    found = _definition(point.module, point.attr)
    if found is None:
        return Synopsis("", "its source was not found")
    line = (ast.get_docstring(found) or "").partition("\n")[0]
    return Synopsis(_domain(found), line)


def folders(package: str) -> list[Path]:
    """Return where a package lies; `find_spec` of a dotted name would import its parents."""
    top, *rest = package.split(".")
    spec = find_spec(top)
    return [Path(root, *rest) for root in (spec and spec.submodule_search_locations) or ()]


def _definition(module: str, name: str, hops: int = 3) -> ast.ClassDef | None:
    """Return the class statement, followed through at most so many re-exports."""
    file = _file(module)
    if file is None or not hops:
        return None
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom):
            original = next((a.name for a in node.names if (a.asname or a.name) == name), None)
            if original:
                return _definition(_absolute(node, module, file), original, hops - 1)
    return None


def _file(module: str) -> Path | None:
    single = find_spec(module) if "." not in module else None
    if single and single.origin and single.submodule_search_locations is None:
        return Path(single.origin)
    candidates = [c for root in folders(module) for c in (root.with_suffix(".py"), root / "__init__.py")]
    return next((c for c in candidates if c.is_file()), None)


def _absolute(node: ast.ImportFrom, module: str, file: Path) -> str:
    """Return the module that an import names, which may be relative to the one it stands in."""
    if not node.level:
        return node.module or ""
    parents = module.split(".")
    kept = len(parents) - node.level + (file.name == "__init__.py")
    return ".".join([*parents[:kept], *([node.module] if node.module else [])])


def _domain(found: ast.ClassDef) -> str:
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "domain":
            return str(node.value.value) if isinstance(node.value, ast.Constant) else ""
    return ""
