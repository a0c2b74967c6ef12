"""The syntax of extended XYZ: text to frames and back, refused where it is damaged.

A frame is a line with the number of atoms, a line of ``key=value``, and a line per atom. The format
has neither length nor checksum: a file that was cut may read as a shorter one. So what is written
here begins its key line with ``seal=frame:frames:crc32``, and a seal that stands there is checked.
Programs that rewrite a file put their own keys first, and then it is no longer a seal.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase.io.extxyz import key_val_str_to_dict

CASTS: Mapping[str, type] = {"R": float, "I": int, "S": str, "L": str}
MEANT = re.compile(r"(?:^|\s)(Lattice|Properties|pbc|energy|virial|stress|dipole|polarizability|charge|spin)=")
LONGEST = 65536  # characters
PLAIN = "species:S:1:pos:R:3"


@dataclass(frozen=True)
class Frame:
    """One frame as it stands in a file: its keys, and its columns, each (atoms, n), by name."""

    where: str
    keys: Mapping[str, Any]
    columns: Mapping[str, np.ndarray]


def parse(path: Path) -> Iterator[Frame]:
    """Yield the frames of a file; what is wrong is a ValueError that names the line."""
    lines, at, seal = _lines(path), 0, (0, 0)
    while at < len(lines):
        atoms = _atoms(lines[at], f"{path}, line {at + 1}")
        block = lines[at + 1 : at + 2 + atoms]
        if len(block) < 1 + atoms:
            found = max(len(block) - 1, 0)
            raise ValueError(f"{path}, line {at + 1}: {atoms} atoms announced, {found} found: was it cut?")
        seal = _next_seal(block, seal, f"{path}, line {at + 2}")
        yield _frame(block, path, at + 2)
        at += 2 + atoms
    _whole(seal, f"{path}, at its end")


def text_of(frames: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the text of frames given as lines, the key line first, each under its seal."""
    for i, block in enumerate(frames):
        head, *rows = block
        yield f"{len(rows)}\nseal={i}:{len(frames)}:{_crc(block)} " + "\n".join([head, *rows]) + "\n"


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text ({error}): it is damaged, or not extended XYZ") from error
    if "\0" in text:
        raise ValueError(f"{path} is not text (it holds a NUL): it is damaged, or not extended XYZ")
    if text and not text.endswith("\n"):
        raise ValueError(f"{path} ends within a line: it may have been cut. If it is whole, end it with a newline")
    return text.rstrip().split("\n") if text.strip() else []


def _atoms(line: str, where: str) -> int:
    try:
        atoms = int(line)
    except ValueError:
        raise ValueError(f"{where}: {line[:60]!r} should be a number of atoms") from None
    if atoms < 1:
        raise ValueError(f"{where}: {atoms} is not a number of atoms")
    return atoms


def _frame(block: list[str], path: Path, first: int) -> Frame:
    where = f"{path}, line {first}"
    try:
        _once(block[0])
        keys = key_val_str_to_dict(block[0])
        layout = _layout(str(keys.get("Properties", PLAIN)))
    except (ValueError, IndexError, RecursionError) as error:
        raise ValueError(f"{where}: {error}") from error
    width = sum(n for _, _, n in layout)
    rows = [line.split() for line in block[1:]]
    for number, row in enumerate(rows, first + 1):
        if len(row) != width:
            raise ValueError(f"{path}, line {number}: {len(row)} columns, but Properties says {width}")
    ends = np.cumsum([n for _, _, n in layout])
    columns = {
        name: _column([row[end - n : end] for row in rows], CASTS[kind], path, first + 1)
        for (name, kind, n), end in zip(layout, ends, strict=True)
    }
    return Frame(where, keys, columns)


def _once(line: str) -> None:
    """Refuse a key line that takes for ever to read, or says twice what can be only one."""
    if len(line) > LONGEST:
        raise ValueError(f"a key line of {len(line)} characters is none: it has at most {LONGEST}")
    keys = MEANT.findall(line)
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"{', '.join(twice)} is given more than once: leave all but one out")


def _layout(text: str) -> list[tuple[str, str, int]]:
    """Return (name, kind, columns) of ``Properties=name:kind:columns:...``."""
    fields = text.split(":")
    if len(fields) % 3 or len(set(fields[::3])) < len(fields[::3]):
        raise ValueError(f"Properties={text} is not a list of name:kind:columns, each name once")
    layout = list(zip(fields[::3], fields[1::3], map(int, fields[2::3]), strict=True))
    for name, kind, n in layout:
        if kind not in CASTS or n < 1:
            raise ValueError(f"Properties={text}: {name}:{kind}:{n} is not name:R|I|S|L:columns")
    return layout


def _column(rows: list[list[str]], cast: type, path: Path, first: int) -> np.ndarray:
    try:
        return np.array([[cast(cell) for cell in row] for row in rows])
    except ValueError as error:
        number = next(n for n, row in enumerate(rows, first) if not _casts(row, cast))
        raise ValueError(f"{path}, line {number}: {error}. Numbers are written as in 1.5 or 2e-3") from None


def _casts(row: list[str], cast: type) -> bool:
    try:
        return [cast(cell) for cell in row] != []
    except ValueError:
        return False


def _next_seal(block: list[str], before: tuple[int, int], where: str) -> tuple[int, int]:
    """Check the seal of a frame, if it has one, after that of the frame before: (frame, of frames)."""
    if not block[0].startswith("seal="):
        _whole(before, where)
        return 0, 0
    seal, _, head = block[0].removeprefix("seal=").partition(" ")
    frame, total, crc = ([int(n) if n.isdecimal() else -1 for n in seal.split(":")] + [-1, -1])[:3]
    if crc != _crc([head, *block[1:]]):
        raise ValueError(
            f"{where}: the frame is not what was written, seal={seal} does not hold: damaged?"
            " If it was changed on purpose, take out seal=…"
        )
    if frame == 0:  # a file may be several, one behind the other
        _whole(before, where)
    elif before != (frame, total):
        raise ValueError(_missing(where, f"frame {frame + 1} of {total} follows {before[0]}"))
    return frame + 1, total


def _whole(seal: tuple[int, int], where: str) -> None:
    if seal[0] != seal[1]:
        raise ValueError(_missing(where, f"only {seal[0]} of {seal[1]} frames that were written"))


def _missing(where: str, what: str) -> str:
    return f"{where}: {what}: was it cut? If frames were taken out on purpose, take out seal=…"


def _crc(lines: list[str] | Sequence[str]) -> int:
    return zlib.crc32("\n".join(lines).encode())
