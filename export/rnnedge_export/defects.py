"""A caller catches one tree of exceptions, whatever a user's module does to the exporter."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

# What says something of the machine, or was asked for by the user.
_LEFT_ALONE = (RnnEdgeError, OSError, MemoryError, Warning)


@contextmanager
def defects_told(name: str) -> Iterator[None]:
    """What another library raises meanwhile is a `ModelRefused` that calls it a defect of ours; `name`: the network."""
    try:
        yield
    except _LEFT_ALONE:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ModelRefused(
            f"{name}: internal error: {type(error).__name__}: {reason} (a defect of rnnedge; please report it with "
            "the network)"
        ) from error
