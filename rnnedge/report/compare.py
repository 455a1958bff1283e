"""Is the new one faster? Two benchmarks, with the noise that their own processes show.

For each figure the processes of either report give its scatter; the difference of the medians is judged against both
scatters together, and against a floor of 3 %, below which no two runs of a shared machine agree; for tails it is 25 %.
What is within is no difference, whatever the medians say. With three processes of equal files, one figure in a hundred
is called different.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np

from rnnedge.report.figures import Table, by_process
from rnnedge_runtime.measure.budget import shown as figure_shown

FIGURES = ("p50", "p99", "p99.9", "miss", "cpu", "load", "rss")
_FLOOR = 0.03
# Tails of two benches of one file, minutes apart, differ so much: a third of such pairs by more than their own ranges.
_FLOOR_TAIL = 0.25
_TAILS = ("p99", "p99.9")
# What one process alone is worth.
_FLOOR_UNKNOWN = 0.1
# Misses are counted, not timed: one in a thousand pushes comes and goes.
_FLOOR_MISS = 0.001
# Times the ranges of both together: 1 % of equal triples are further apart (simulated, normal and log-normal).
_RANGES = 1.5


@dataclass(frozen=True)
class Difference:
    """One figure in both reports, their medians over processes, the noise of the two, all in the figure's own unit."""

    figure: str
    old: float
    new: float
    noise: float

    @property
    def change(self) -> float | None:
        """New over old, less 1; None where the old one is 0."""
        return self.new / self.old - 1 if self.old else None

    @property
    def verdict(self) -> str:
        """Better, worse, or no difference; less is better of every figure here."""
        if abs(self.new - self.old) <= self.noise:
            return "no difference"
        return "better" if self.new < self.old else "worse"


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Every figure that both reports have; latencies of the paced parts where both have one, else closed loops."""
    paced = kind(old, new) == "paced"
    found = []
    for figure in FIGURES:
        a, b = (_values(report, figure, paced) for report in (old, new))
        if a and b:
            found.append(Difference(figure, float(np.median(a)), float(np.median(b)), _noise(figure, a, b)))
    return found


def kind(*reports: Mapping[str, Any]) -> str:
    """The part whose latencies these reports can be compared by: `paced` where all have it, else `closed`."""
    return "paced" if all(report["paced"] is not None for report in reports) else "closed"


def remarks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What makes the two hard to compare, one line each."""
    lines = []
    hosts = [{k: v for k, v in report["host"].items() if k not in _CHANGING} for report in (old, new)]
    differing = sorted(k for k in hosts[0].keys() | hosts[1].keys() if hosts[0].get(k) != hosts[1].get(k))
    if differing:
        lines.append(f"measured on different hosts: {', '.join(differing)} differ")
    if old["sha256"] != new["sha256"]:
        lines.append("two different files")
    for name in ("provider", "threads", "spinning"):
        if old[name] != new[name]:
            lines.append(f"{name}: {old[name]} and {new[name]}")
    parts = [report["paced"] for report in (old, new)]
    if None not in parts:
        for name, unit in (("period_us", "us from frames to frames"), ("deadline_us", "us of deadline")):
            if not np.isclose(parts[0][name], parts[1][name], rtol=1e-3):
                lines.append(f"another pace: {parts[0][name]:,.0f} and {parts[1][name]:,.0f} {unit}")
    elif parts != [None, None]:
        lines.append("only one of the two was paced: latencies are those of the closed loop")
    for name, report in (("the old", old), ("the new", new)):
        if len(report["runs"]) == 1:
            lines.append(f"{name} run is of one process, so its noise is not known: taken for {_FLOOR_UNKNOWN:.0%}")
        lines += [f"{name} run is not stable: {reason}" for reason in report["unrest"]]
    return lines


# Facts of a host that are another every minute.
_CHANGING = ("load", "frequency", "throttled")


def _values(report: Mapping[str, Any], figure: str, paced: bool) -> list[float]:
    return [value for run in by_process(report, paced) if (value := run[figure]) is not None]


def _noise(figure: str, old: Sequence[float], new: Sequence[float]) -> float:
    share = _FLOOR if min(len(old), len(new)) > 1 else _FLOOR_UNKNOWN
    share = max(share, _FLOOR_TAIL if figure in _TAILS else 0.0)
    floor = max(share * float(np.median(old)), _FLOOR_MISS if figure == "miss" else 0.0)
    return max(floor, _RANGES * hypot(max(old) - min(old), max(new) - min(new)))


def difference_table(differences: Sequence[Difference], old: str, new: str) -> Table:
    """Each figure in both reports with its unit, and the verdict."""
    rows = [
        [
            d.figure,
            figure_shown(d.figure, d.old),
            figure_shown(d.figure, d.new),
            "" if d.change is None else f"{d.change:+.1%}",
            f"±{figure_shown(d.figure, d.noise)}",
            d.verdict,
        ]
        for d in differences
    ]
    return ["figure", old, new, "change", "noise", "verdict"], rows
