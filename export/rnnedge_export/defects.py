"""A caller catches one tree of exceptions, whatever a user's module does to the exporter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

# What says something of the machine, or was asked for by the user.
_LEFT_ALONE = (RnnEdgeError, OSError, MemoryError, Warning)
# Of exceptions that come from a callback of the caller.
_CALLERS = "_rnnedge_is_the_callers"


@contextmanager
def defects_told(name: str) -> Iterator[None]:
    """What another library raises meanwhile is a `ModelRefused` that calls it a defect of ours; `name`: the network."""
    try:
        yield
    except _LEFT_ALONE:
        raise
    except Exception as error:
        if getattr(error, _CALLERS, False):
            raise
        reason = (str(error).strip().splitlines() or [""])[0]
        raise ModelRefused(
            f"{name}: internal error: {type(error).__name__}: {reason} (a defect of rnnedge; please report it with "
            "the network)"
        ) from error


def of_the_caller(callback: Callable[[str], object]) -> Callable[[str], None]:
    """`callback`, whose exceptions reach the caller as they are: one that ends an export that way is no defect."""

    def called(stage: str) -> None:
        try:
            callback(stage)
        except Exception as error:
            setattr(error, _CALLERS, True)
            raise

    return called
