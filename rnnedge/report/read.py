"""Reports that another program, or another machine, has written: whole and of the right kinds, or refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite
from typing import Any

from rnnedge.files.small import parse_json, read_small
from rnnedge.report._histograms import decode
from rnnedge.report.bench import SCHEMA_VERSION
from rnnedge_runtime.errors import InputError, MissingExtra

_MOST_BYTES = 1 << 24
_MOST_RUNS = 1000
# No latency, size or count is larger; sums and squares of it are finite.
_LARGEST = 1e18


class _Wrong(Exception):
    """What is wrong where."""


@dataclass(frozen=True)
class _Number:
    """A number from `least` on; None where that is `open`."""

    open: bool = False
    least: float = 0.0
    whole: bool = False


def _decodable(histogram: Any) -> None:
    # Where hdrhistogram is missing, nothing is drawn of it.
    with suppress(MissingExtra):
        decode(histogram)


_TIMES = {name: _Number() for name in ("p50_us", "p90_us", "p99_us", "p99.9_us", "max_us")}
_COUNT, _MAYBE = _Number(whole=True), _Number(open=True)
_CLOSED = {"pushes": _COUNT, **_TIMES}
_PACED = {
    **_CLOSED,
    "period_us": _Number(least=1e-9),
    "deadline_us": _Number(),
    "jitter_us": _Number(),
    "misses": _COUNT,
    "miss_share": _Number(),
    "longest_burst": _COUNT,
    "real_time_factor": _Number(),
    "cpu_us_per_frame": _Number(),
    "idle_burn": _MAYBE,
    "rss_mb": _MAYBE,
    "rss_slope_mb_per_hour": _Number(open=True, least=-_LARGEST),
}
_DRAWN: dict[str, Any] = {"timeline_us": [_Number()], "histogram": _decodable}
_COLD = {"import_ms": _Number(), "load_ms": _Number(), "first_push_ms": _Number(), "peak_rss_mb": _MAYBE}
# A kind: str, bool, _Number, {name: kind}, [kind], (kind,) for one that may be None, or what reads it.
_REPORT: dict[str, Any] = {
    **dict.fromkeys(("file", "sha256", "form", "precision", "provider"), str),
    "threads": _COUNT,
    "spinning": bool,
    "size_bytes": _COUNT,
    "frame_rate_hz": _MAYBE,
    "frames_per_push": _COUNT,
    "closed": {**_CLOSED, "mean_us": _Number(), "real_time_factor": _MAYBE, **_DRAWN},
    "paced": ({**_PACED, **_DRAWN},),
    "cold_start": _COLD,
    "capacity": (
        {"solo": _COUNT, "pooled": _Number(open=True, whole=True), "rate_hz": _Number(), "deadline_us": _Number()},
    ),
    "runs": [{"closed": _CLOSED, "paced": (_PACED,), "cold_start": _COLD}],
    "unrest": [str],
    "baseline": ([{"name": str, "p50_us": _Number(), "p99_us": _Number(), "times": _Number()}],),
}


def read_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A report that `rnnedge bench --json` printed.

    Raises `InputError` where it is none, of another version, damaged, or larger than any of them.
    """
    name = os.fspath(path)
    text = read_small(path, _MOST_BYTES)
    try:
        found = parse_json(text)
    except ValueError as error:
        raise InputError(f"{name}: expected the output of 'rnnedge bench --json', found no JSON ({error})") from error
    kind = (found.get("schema"), found.get("schema_version")) if isinstance(found, dict) else (None, None)
    if kind != ("rnnedge.bench", SCHEMA_VERSION):
        raise InputError(
            f"{name}: expected a report rnnedge.bench of version {SCHEMA_VERSION}, found {str(kind[0])[:40]} "
            f"{str(kind[1])[:40]}; measure again"
        )
    check_report(found, name)
    return dict(found)


def check_report(report: Mapping[str, Any], name: str) -> None:
    """Raise `InputError`, beginning with `name`, for the first part that is missing or of another kind."""
    try:
        _check(report, _REPORT, "")
        if not 1 <= len(report["runs"]) <= _MOST_RUNS:
            raise _Wrong(f"runs: expected 1 to {_MOST_RUNS} processes, found {len(report['runs'])}")
        if any((run["paced"] is None) != (report["paced"] is None) for run in report["runs"]):
            raise _Wrong("paced: expected in every run as in the whole, found in some")
        _check_facts(report.get("host"))
    except _Wrong as error:
        raise InputError(f"{name}: expected a whole report of rnnedge bench: {error}; measure again") from error


def _check(value: Any, kind: Any, place: str) -> None:
    if isinstance(kind, tuple):
        if value is not None:
            _check(value, kind[0], place)
    elif isinstance(kind, dict):
        if not isinstance(value, Mapping):
            raise _Wrong(f"{place or 'all'}: expected a table, found {_short(value)}")
        for name, part in kind.items():
            inside = f"{place}.{name}".lstrip(".")
            if name not in value:
                raise _Wrong(f"{inside}: found none")
            _check(value[name], part, inside)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            raise _Wrong(f"{place}: expected a list, found {_short(value)}")
        for index, part in enumerate(value):
            _check(part, kind[0], f"{place}[{index}]")
    elif isinstance(kind, _Number):
        _check_number(value, kind, place)
    elif isinstance(kind, type):
        if not isinstance(value, kind):
            raise _Wrong(f"{place}: expected {'text' if kind is str else 'true or false'}, found {_short(value)}")
    else:
        try:
            kind(value)
        except InputError as error:
            raise _Wrong(f"{place}: {error}") from error


def _check_number(value: Any, kind: _Number, place: str) -> None:
    if value is None and kind.open:
        return
    wanted = int if kind.whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        raise _Wrong(f"{place}: expected a number, found {_short(value)}")
    if not (kind.least <= value <= _LARGEST and isfinite(value)):
        raise _Wrong(f"{place}: expected a number from {kind.least:g} to {_LARGEST:g}, found {_short(value)}")


def _check_facts(host: Any) -> None:
    if not isinstance(host, Mapping) or not all(isinstance(fact, str) for fact in host.values()):
        raise _Wrong(f"host: expected facts of the machine as text, found {_short(host)}")


def _short(value: Any) -> str:
    """A few letters of it, whatever it is and however deep."""
    if isinstance(value, (dict, list)):
        return f"a {'table' if isinstance(value, dict) else 'list'} of {len(value)}"
    text = repr(value[:40] if isinstance(value, str) else value)
    return text if len(text) <= 42 else f"{text[:39]}..."
