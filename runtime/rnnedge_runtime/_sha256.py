"""SHA-256 of what a file or a snapshot holds; for little data without OpenSSL.

To import `hashlib` loads OpenSSL, which takes a start as long as the interpreter's own SHA-256 takes for more
than a megabyte. The standard library's `random` avoids it in the same way.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hashlib import _Hash

# 5.2 ms of a processor to load OpenSSL and 0.7 ms a megabyte, beside 3.5 ms a megabyte (CPython 3.11, Xeon).
_SHORT = 3 << 19


def sha256(data: bytes | memoryview) -> _Hash:
    """A hash object of `data`, as `hashlib.sha256` returns it."""
    short = len(data) <= _SHORT and "_hashlib" not in sys.modules
    found: _Hash = _own(data) if short else _of_hashlib(data)
    return found


def _of_hashlib(data: bytes | memoryview) -> _Hash:
    import hashlib

    return hashlib.sha256(data)


def _find() -> Any:
    """The interpreter's own; `hashlib` where it was built without."""
    from importlib import import_module

    for name in ("_sha2", "_sha256"):
        try:
            return import_module(name).sha256
        except (ImportError, AttributeError):
            continue
    return _of_hashlib


_own = _find()
