"""One owner at a time: two threads in one stream, or a forked child with its parent's session, get an error.

The check is a token in a list, which whoever comes in takes out: one atomic operation each way, with a global lock and
without one, and a quarter of what `threading.Lock` takes (35 against 135 ns). Who has it is only looked up when it is
missing.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, SupportsIndex, TypeVar, cast

from rnnedge_runtime.errors import OwnerError

P = ParamSpec("P")
T = TypeVar("T")


class Turnstile(Protocol):
    """Where the right to go in lies: `pop` takes it, or raises `IndexError`; `append` brings it back."""

    def pop(self) -> object:
        """Take it."""
        ...

    def append(self, token: None, /) -> object:
        """Bring it back."""
        ...

    def __len__(self) -> int: ...


class StaysHere:
    """Something that no other process can have, and of which there is no copy: `_elsewhere` says what to do then."""

    _kind: str
    _elsewhere: str

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Neither `pickle` nor `copy` can do it."""
        raise OwnerError(f"{self._kind}: stays in the process that made it; {self._elsewhere}")


class Alone(StaysHere):
    """Something with one owner at a time, who takes what is in `_token` while in one of its methods."""

    _kind = "stream"
    _remedy = "give every thread a stream of its own, or use a pool"
    _elsewhere = (
        "restore its snapshot() in a stream of the same file there, by load(path) in each process; copy() makes a "
        "second one here"
    )

    def __init__(self) -> None:
        """Nobody is inside."""
        self._token: Turnstile = [None]


S = TypeVar("S", bound=Alone)


def alone(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that raises `OwnerError` while another one of the same object runs."""

    @wraps(method)
    def guarded(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            self._token.pop()
        except IndexError:
            raise in_use(self) from None
        try:
            return method(self, *args, **kwargs)
        finally:
            self._token.append(None)

    return cast(Callable[Concatenate[S, P], T], guarded)


def in_use(owned: Alone) -> OwnerError:
    """The error that names the thread that is in a method of `owned` and the one that wants in."""
    here = threading.current_thread()
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        at: Any = frame
        while at is not None and ident != here.ident:
            if at.f_locals.get("self") is owned:
                other = names.get(ident, f"thread {ident}")
                return OwnerError(
                    f"{owned._kind}: thread {here.name!r} came in while thread {other!r} was running it; "
                    f"{owned._remedy}"
                )
            at = at.f_back
    return OwnerError(
        f"{owned._kind}: thread {here.name!r} came in while it was running, from its own callback or beside another "
        f"thread that has just left; {owned._remedy}"
    )


class Inherited(Protocol):
    """What `forked_away` needs."""

    def _fork(self) -> None:
        """Called in a forked child: become unusable, without running any destructor of the engine."""
        ...


_ALIVE: weakref.WeakSet[Any] = weakref.WeakSet()


def forked_away(inherited: Inherited) -> None:
    """See to it that `inherited._fork()` is called in every forked child."""
    _ALIVE.add(inherited)


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
