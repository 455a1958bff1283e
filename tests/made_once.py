"""What takes long to make is made once in a run of the tests, by the worker that needs it first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# The folder of this run; conftest.py makes it before there are workers.
FOLDER = "RNNEDGE_TEST_RUN"


def made_once(name: str, make: Callable[[], bytes]) -> bytes:
    """What `make` gives, in whichever process; others wait for it. Nothing is kept of a `make` that raises."""
    import fcntl

    folder = Path(os.environ[FOLDER])
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = folder / name
        if not made.exists():
            written = made.with_suffix(".part")
            written.write_bytes(make())
            written.rename(made)
        return made.read_bytes()
