"""What a public function takes for an argument, and the one-line error for anything else.

A `place` is how messages call the argument: "stream: batch". Every check returns the argument as a plain Python value.
`error` is what is raised; an `InputError`, unless a function says otherwise.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, TypeVar

from rnnedge_runtime.errors import InputError, RnnEdgeError

T = TypeVar("T")
Error = type[RnnEdgeError]
_SHOWN = 60
# Comparing takes the square of a name's length.
_LONGEST_NAME = 200


def shown(value: object) -> str:
    """A value in a message: itself where that is short, else its type."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        try:
            text = ascii(value)
        # An integer of thousands of digits has no text.
        except Exception:
            text = ""
        if 0 < len(text) <= _SHOWN:
            return text
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def integer(
    value: object, place: str, least: int | None = 1, most: int | None = None, error: Error = InputError
) -> int:
    """A whole number, Python's or numpy's, from `least` to `most`; True is none, and neither is 2.0."""
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if not fits or (least is not None and value < least) or (most is not None and value > most):  # type: ignore[operator]
        raise error(f"{place}: expected an integer{_range(least, most)}, found {shown(value)}")
    return int(value)  # type: ignore[call-overload, no-any-return]


def number(
    value: object,
    place: str,
    *,
    above: float | None = None,
    least: float | None = None,
    most: float | None = None,
    error: Error = InputError,
) -> float:
    """A finite real number above `above`, or from `least` to `most`."""
    try:
        found = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    except OverflowError:
        found = math.inf
    low = (above is None or found > above) and (least is None or found >= least)
    if not math.isfinite(found) or not low or (most is not None and found > most):
        bounds = f" above {above:g}" if above is not None else _range(least, most)
        raise error(f"{place}: expected a finite number{bounds}, found {shown(value)}")
    return found


def seconds(value: object, place: str, *, above: float | None = None) -> float:
    """A time to wait for, 0 or more, or above `above`, that a thread can wait for."""
    if above is None:
        return number(value, place, least=0, most=threading.TIMEOUT_MAX)
    return number(value, place, above=above, most=threading.TIMEOUT_MAX)


def flag(value: object, place: str, error: Error = InputError) -> bool:
    """True or False, and not what merely counts as such: "no" is true."""
    # numpy's own are what comparisons of its numbers give.
    if not isinstance(value, bool) and type(value).__name__ not in ("bool_", "bool"):
        raise error(f"{place}: expected True or False, found {shown(value)}")
    return bool(value)


def text(value: object, place: str, error: Error = InputError) -> str:
    """A string."""
    if not isinstance(value, str):
        raise error(f"{place}: expected a string, found {shown(value)}")
    return value


def choice(value: object, place: str, choices: Iterable[str], error: Error = InputError) -> str:
    """One of some strings."""
    known = tuple(choices)
    if not isinstance(value, str) or value not in known:
        hint = nearest(value, known) if isinstance(value, str) else ""
        raise error(f"{place}: expected one of {', '.join(known)}, found {shown(value)}{hint}")
    return value


def nearest(name: str, names: Iterable[str]) -> str:
    """The end of a message, "; did you mean ...?", if one of `names` is like `name`, capitals or not; else nothing."""
    # Imported by what fails alone.
    import difflib

    small = {one.lower(): one for one in names}
    plain = name[:_LONGEST_NAME].lower()
    begun = [one for one in small if len(plain) > 2 and one.startswith(plain)]
    close = begun or difflib.get_close_matches(plain, list(small), 1)
    return f"; did you mean {small[close[0]]}?" if close else ""


def instance(value: object, place: str, kind: type[T], error: Error = InputError, remedy: str = "") -> T:
    """An object of a class."""
    if not isinstance(value, kind):
        hint = f"; {remedy}" if remedy else ""
        raise error(f"{place}: expected a {kind.__name__}, found {shown(value)}{hint}")
    return value


def function(value: T, place: str, error: Error = InputError) -> T:
    """Something that can be called, or None."""
    if value is not None and not callable(value):
        raise error(f"{place}: expected a function or None, found {shown(value)}")
    return value


def mapping(value: object, place: str, error: Error = InputError) -> dict[str, Any]:
    """A mapping with strings for keys, as a dict of its own."""
    try:
        found = dict(value) if isinstance(value, Mapping) else None
    # A foreign mapping may raise anything.
    except Exception as cause:
        raise error(f"{place}: cannot be read ({type(cause).__name__})") from cause
    if found is None or not all(isinstance(key, str) for key in found):
        raise error(f"{place}: expected a dict with names for keys, found {_keys(value)}")
    return found


def texts(value: object, place: str, error: Error = InputError) -> tuple[str, ...]:
    """Several strings; a single one is none of these, because its letters would be taken one by one."""
    found = items(value, place, "strings", error)
    return tuple(text(item, f"{place}[{index}]", error) for index, item in enumerate(found))


def items(value: object, place: str, what: str, error: Error = InputError) -> list[Any]:
    """The items of a list, a tuple or another iterable, which is none of a string, bytes and a mapping."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray, Mapping)):
        try:
            return list(value)
        # A foreign iterable may raise anything.
        except Exception as cause:
            raise error(f"{place}: cannot be read ({type(cause).__name__})") from cause
    raise error(f"{place}: expected a list of {what}, found {shown(value)}")


def file_path(value: object, place: str, error: Error = InputError) -> str:
    """A path that the system can be asked about; no file descriptor."""
    try:
        path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else None
    # A foreign path may raise anything.
    except Exception as cause:
        raise error(f"{place}: expected a path, found {shown(value)} ({type(cause).__name__})") from cause
    if not isinstance(path, str) or not path:
        raise error(f"{place}: expected a path, found {shown(value)}")
    try:
        fits = b"\0" not in os.fsencode(path)
    # Half of a surrogate pair is in no encoding.
    except ValueError:
        fits = False
    if not fits:
        raise error(f"{place}: expected a path, found characters that no path has: {ascii(path)[:_SHOWN]}")
    return path


def _range(least: float | None, most: float | None) -> str:
    if least is None or most is None:
        return "" if least is None and most is None else f", {least:,} or more" if most is None else f" up to {most:,}"
    return f" from {least:,} to {most:,}"


def _keys(value: object) -> str:
    if not isinstance(value, Mapping):
        return shown(value)
    return f"the key {shown(next(key for key in value if not isinstance(key, str)))}"
