"""Budgets that a run has to keep: `p99<2ms,miss<0.1%`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.measure.usage import SLOPE_S

_TIMES = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}
_SHARES = {"%": 0.01, "": 1.0}
_COUNTS = {"": 1.0}
_SIZES = {"KB": 1 / 1024, "MB": 1.0, "GB": 1024.0}
_SLOPES = {"MB/h": 1.0}
# What each metric is measured in, and the units that it may be given in.
METRICS: dict[str, dict[str, float]] = {
    **dict.fromkeys(("p50", "p90", "p99", "p99.9", "max", "jitter", "cpu", "import", "load", "first"), _TIMES),
    **dict.fromkeys(("miss", "rtf", "idle"), _SHARES),
    **dict.fromkeys(("burst", "streams", "pooled"), _COUNTS),
    "rss": _SIZES,
    "slope": _SLOPES,
}
_PACED = ("jitter", "cpu", "miss", "burst", "idle", "slope")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True)
class Budget:
    """One bound: `metric sign limit`, the limit in the metric's own unit (microseconds, shares, MB)."""

    text: str
    metric: str
    sign: str
    limit: float

    def kept(self, found: float) -> bool:
        """Whether a measured value is within it; NaN is not."""
        return _SIGNS[self.sign](found, self.limit)


def parse(text: str) -> list[Budget]:
    """Read bounds separated by commas. Raises `InputError` naming the part that is none, and what there is."""
    return [_one(part.strip()) for part in text.split(",")]


def check(budgets: list[Budget], *, seconds: float, streams: bool) -> None:
    """Raise `InputError` for a metric that a run of that many paced `seconds`, with or without `streams`, will lack."""
    for budget in budgets:
        if budget.metric in _PACED and not seconds:
            remedy = "is measured at the pace of frames; expected --seconds above 0"
        elif budget.metric == "slope" and seconds < SLOPE_S:
            remedy = f"is measured in half a minute or more; expected --seconds {SLOPE_S:g} at least"
        elif budget.metric in ("streams", "pooled") and not streams:
            remedy = "is measured by --streams"
        else:
            continue
        raise InputError(f"budget {budget.text!r}: {budget.metric} {remedy}")


def missed(budgets: list[Budget], found: Mapping[str, float | None]) -> list[str]:
    """One line for each bound that is not kept, with what was found.

    Raises `InputError` for a metric that the run did not measure.
    """
    lines = []
    for budget in budgets:
        value = found.get(budget.metric)
        if value is None:
            raise InputError(f"budget {budget.text!r}: this run did not measure {budget.metric}")
        if not budget.kept(value):
            lines.append(f"{budget.text}: found {shown(budget.metric, value)}")
    return lines


def _one(part: str) -> Budget:
    match = re.fullmatch(r"([a-z0-9.]+)\s*(<=|>=|<|>)\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([A-Za-z%/]*)", part)
    if not match:
        raise InputError(f"budget: expected such as p99<2ms or miss<0.1%, found {part!r}")
    metric, sign, number, unit = match.groups()
    if metric not in METRICS:
        raise InputError(f"budget {part!r}: expected one of {', '.join(METRICS)}, found {metric!r}")
    units = METRICS[metric]
    if unit not in units:
        names = ", ".join(name or "no unit" for name in units)
        raise InputError(f"budget {part!r}: {metric} is given in {names}, found {unit or 'no unit'}")
    try:
        return Budget(part, metric, sign, float(number) * units[unit])
    except ValueError:
        raise InputError(f"budget {part!r}: expected a number, found {number!r}") from None


def shown(metric: str, value: float) -> str:
    """A value of a metric with its unit, to read."""
    units = METRICS[metric]
    if units is _TIMES:
        return f"{value / 1000:.3f} ms" if value >= 1000 else f"{value:.2f} us"
    if units is _SIZES or units is _SLOPES:
        return f"{value:.1f} {'MB' if units is _SIZES else 'MB/h'}"
    if metric in ("miss", "idle"):
        return f"{value:.3%}"
    return f"{value:.4g}" if metric == "rtf" else f"{value:g}"
