"""One owner at a time, and calls that happen as a whole or not at all.

The check is a token in a list, which a caller takes out: one atomic operation each way, with a global lock and without
one, and a quarter of what `threading.Lock` takes (35 against 135 ns). Who has it is only looked up when it is missing.

An exception may come at any bytecode: from a callback, from the handler of a signal, from another thread. A call that
ends with one puts back what it has changed before it gives the token back. A token that went missing with a call that
could not even do this (the exception came right after the token was taken, or while things were put back) is found by
the next call: no thread is inside, so it puts back what that call has noted, and goes on.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import wraps
from types import CodeType
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, SupportsIndex, TypeVar, cast

from rnnedge_runtime._fork import NoToken, free_in_child
from rnnedge_runtime.errors import InputError, OwnerError

P = ParamSpec("P")
T = TypeVar("T")

# The code of every function that takes a token.
_entrances: set[CodeType] = set()
_looking = free_in_child(threading.RLock())


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


class Alone(StaysHere, ABC):
    """Something with one owner at a time, who takes what is in `_token` while in one of its methods.

    `_noted` is what a call in progress has noted of where it began, None while it has changed nothing that is not in
    its own variables. `_entries` and `_frames` together differ from call to call: the one counts calls that note
    something, or fail, the other what has been taken by those that do not.
    """

    # What every call touches is found faster there than in a dictionary.
    __slots__ = ("_entries", "_frames", "_noted", "_token")

    _kind = "stream"
    _remedy = "give every thread a stream of its own, or use a pool"
    _elsewhere = (
        "restore its snapshot() in a stream of the same file there, by load(path) in each process; copy() makes a "
        "second one here"
    )

    def __init__(self) -> None:
        """Nobody is inside."""
        self._token: Turnstile = [None]
        self._noted: Any = None
        self._entries = self._frames = 0

    @abstractmethod
    def _note(self) -> object:
        """What `_put_back` needs, at the beginning of a call."""

    @abstractmethod
    def _note_of_none(self) -> Any:
        """The note of a call that made none, and is no more; None where it can have changed nothing."""

    @abstractmethod
    def _put_back(self, note: Any) -> None:
        """Stand where `note` was made; may be done twice."""

    def _mark(self) -> object | None:
        """Another value in every call, and one in all of it; None between calls."""
        noted = self._noted
        return None if len(self._token) else (self._entries, self._frames if noted is None else noted.frames)

    def _failed(self, error: BaseException, note: Any) -> bool:
        """A call ends with `error`: it has not happened. True where it has not even begun, and may now.

        `note` is None where it had changed nothing when the error came. Raises `OwnerError` where somebody is inside,
        and `InputError` in place of a `MemoryError`.
        """
        if isinstance(self._token, NoToken):
            return False
        if note is not None and self._noted is note:
            self._undo(note)
        elif note is None and _of_token(error):
            self._take_over()
            return True
        else:
            # It has hardly begun, or has given the token back already.
            with _looking:
                if self._has_token():
                    self._undo(self._noted if note is None else note)
        if isinstance(error, MemoryError):
            raise InputError(
                f"{self._kind}: expected memory for what the call takes and gives, found none ({error}); "
                "push fewer frames at a time"
            ) from error
        return False

    def _undo(self, note: Any) -> None:
        if note is None:
            note = self._note_of_none()
        if note is not None:
            # For the next call, where another exception ends this.
            self._noted = note
            self._put_back(note)
        self._entries += 1
        self._noted = None
        self._token.append(None)

    def _has_token(self) -> bool:
        """Take the token if it is there; else whether nobody but this call can have it."""
        try:
            self._token.pop()
        except IndexError:
            return _inside(self) is None
        return True

    def _take_over(self) -> None:
        """Undo the call that took the token and is no more; raises `OwnerError` where it still goes on."""
        with _looking:
            mark = self._mark()
            if mark is None:
                return
            thread = _inside(self)
            # The same call had the token all the time, and nobody was in it.
            if thread is None and self._mark() == mark:
                self._undo(self._noted)
                return
        raise in_use(self, thread) from None


S = TypeVar("S", bound=Alone)


def entrance(method: Callable[P, T]) -> Callable[P, T]:
    """A method that takes the token by itself."""
    _entrances.add(method.__code__)
    return method


def alone(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A method that raises `OwnerError` while another one of the same object runs, and happens whole or not at all."""

    @wraps(method)
    def guarded(self: S, *args: P.args, **kwargs: P.kwargs) -> T:
        while True:
            note = None
            try:
                self._token.pop()
                note = self._noted = self._note()
                found = method(self, *args, **kwargs)
                self._entries += 1
                self._noted = None
                self._token.append(None)
                return found
            except BaseException as error:
                if not self._failed(error, note):
                    raise

    _entrances.add(cast(Any, guarded).__code__)
    return cast(Callable[Concatenate[S, P], T], guarded)


def _inside(owned: Alone) -> str | None:
    """The name of the thread that is in a call of `owned`; None where none is, but for the one that asks."""
    here = threading.get_ident()
    for ident, frame in sys._current_frames().items():
        asks = ident == here
        at: Any = frame
        inner: Any = None
        while at is not None:
            if at.f_code in _entrances and at.f_locals.get("self") is owned:
                # Whoever waits to be told has no token.
                if not asks and (inner is None or inner.f_code is not _ASKS or at.f_locals.get("note") is not None):
                    return _name(ident)
                asks = False
            inner, at = at, at.f_back
    return None


_ASKS = Alone._failed.__code__


def _of_token(error: BaseException) -> bool:
    """Whether it is what `pop` raises, and no callback or handler of a signal."""
    trace = error.__traceback__
    return error.__class__ is IndexError and (trace is None or trace.tb_next is None)


def _name(ident: int) -> str:
    return next((t.name for t in threading.enumerate() if t.ident == ident), f"thread {ident}")


def in_use(owned: Alone, other: str | None) -> OwnerError:
    """The error that names the thread that is in a method of `owned`, and the one that wants in."""
    here = threading.current_thread().name
    if other is None or other == here:
        return OwnerError(
            f"{owned._kind}: thread {here!r} came in while it was running, from its own callback or next to another "
            f"thread that has just left; {owned._remedy}"
        )
    return OwnerError(f"{owned._kind}: thread {here!r} came in while thread {other!r} was running it; {owned._remedy}")
