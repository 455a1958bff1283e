"""What a forked child inherits and cannot use: the threads of an engine do not come along."""

from __future__ import annotations

import os
import weakref
from typing import Any, NoReturn, Protocol, TypeVar

from rnnedge_runtime.errors import OwnerError


class Inherited(Protocol):
    """What `forked_away` needs."""

    def _fork(self) -> None:
        """Called in a forked child: become unusable, without running any destructor of the engine."""
        ...


Lock = TypeVar("Lock")

_ALIVE: weakref.WeakSet[Any] = weakref.WeakSet()


def forked_away(inherited: Inherited) -> None:
    """See to it that `inherited._fork()` is called in every forked child."""
    _ALIVE.add(inherited)


def free_in_child(lock: Lock) -> Lock:
    """`lock`, one of the process, which nobody has in a forked child: the thread that had it is not there."""
    # What the standard library does for its own, and as private there.
    renew = getattr(lock, "_at_fork_reinit", None)
    if renew is not None and hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=renew)
    return lock


def refuse_in_child(*_: object) -> NoReturn:
    """Stands in the child for whatever the parent's session was used by."""
    raise OwnerError(
        f"process {os.getpid()}: this model was loaded before a fork; engines do not survive one: "
        "load the model in the child, or start it with the 'spawn' method"
    )


class NoToken:
    """Stands in the child where the parent's token was, which may have been out when it forked."""

    pop = append = staticmethod(refuse_in_child)

    def __len__(self) -> int:
        return 0


def _in_child() -> None:
    for inherited in list(_ALIVE):
        inherited._fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
