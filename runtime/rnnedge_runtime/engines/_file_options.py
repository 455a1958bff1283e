"""Keep a file from setting the options of its own session.

With `ORT_LOAD_CONFIG_FROM_MODEL=1` in the environment onnxruntime takes session options from the file's metadata
(`ort_config`): the path of a profile that it writes, the number of threads. The variable is out of the environment
while a session is created, and back after the last one that is created at the same time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rnnedge_runtime._fork import free_in_child

_VARIABLE = "ORT_LOAD_CONFIG_FROM_MODEL"
_lock = free_in_child(Lock())
_inside = 0
_kept: str | None = None


@contextmanager
def options_of_files_ignored() -> Iterator[None]:
    """Whatever session is created in the block has the options that its creator gave."""
    global _inside, _kept
    with _lock:
        if not _inside:
            _kept = os.environ.pop(_VARIABLE, None)
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside and _kept is not None:
                os.environ[_VARIABLE] = _kept
