"""Bytes that carry their own checksum: any flipped bit and any missing byte is noticed on reading.

Two forms: JSON text, and a safetensors file whose header says what its arrays are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from eltanin.store.durable import IntegrityError
from eltanin.store.trees import Arrays

BLANK = "0" * 64
MARK = b'"sha256":"'  # in a header; within the strings of a header quotes are escaped, so it is there once
BODY = b'","body":'


def sha256(content: bytes) -> str:
    """Return the checksum of bytes."""
    return hashlib.sha256(content).hexdigest()


def canonical(content: Any) -> bytes:
    """Return JSON with one spelling: sorted keys, no space, nothing that JSON has no word for."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def seal_json(body: Any) -> bytes:
    """Return ``{"sha256": …, "body": …}``."""
    text = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
    return b'{"sha256":"' + sha256(text).encode() + BODY + text + b"}\n"


def open_json(path: Path, content: bytes) -> Any:
    """Return the body."""
    start = len(b'{"sha256":"') + len(BLANK)
    text = content[start + len(BODY) : -2]
    if content != b'{"sha256":"' + sha256(text).encode() + BODY + text + b"}\n":
        raise damaged(path)
    return _parsed(path, text)


def seal_arrays(arrays: Arrays, about: Mapping[str, str]) -> bytes:
    """Return a safetensors file with `about` and its own checksum in its header."""
    blank = save(arrays, {**about, "sha256": BLANK})
    return blank.replace(MARK + BLANK.encode(), MARK + sha256(blank).encode(), 1)


def open_arrays(path: Path, content: bytes) -> tuple[Arrays, dict[str, str]]:
    """Return the arrays and what the header says about them."""
    start = content.find(MARK) + len(MARK)
    said = content[start : start + len(BLANK)]
    if sha256(content.replace(MARK + said, MARK + BLANK.encode(), 1)).encode() != said:
        raise damaged(path)
    header = content[8 : 8 + int.from_bytes(content[:8], "little")]
    arrays = unpack(path, content)
    about = _parsed(path, header).get("__metadata__")
    if about is None:
        raise damaged(path)
    return arrays, about


def pack(arrays: Arrays) -> bytes:
    """Return a plain safetensors file, always the same for the same arrays."""
    return save(arrays)


def unpack(path: Path, content: bytes) -> dict[str, np.ndarray]:
    """Return the arrays of a safetensors file."""
    try:
        return load(content)
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise damaged(path) from error


def _parsed(path: Path, text: bytes) -> Any:
    """Return what JSON says; that it was sealed does not mean that it can be read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise damaged(path) from error


def damaged(path: Path) -> IntegrityError:
    """Return the error for a file that fails its checksum."""
    return IntegrityError(f"{path} is damaged: its content fails its checksum. Restore it from a copy, or delete it")
