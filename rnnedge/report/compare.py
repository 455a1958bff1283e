"""Is the new one faster? Two benchmarks, with the noise that their own processes show.

For each figure the processes of either report give its scatter; the difference of the medians is judged against both
scatters together, and against a floor of 3 %, below which no two runs of a shared machine agree. What is within is no
difference, whatever the medians say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from pathlib import Path
from typing import Any

import numpy as np

from rnnedge.report.bench import SCHEMA_VERSION
from rnnedge.report.figures import by_process
from rnnedge_runtime.errors import InputError

_FLOOR = 0.03
# Of three processes the range is about 1.7 standard deviations.
_SIGMAS = 2.0
FIGURES = ("p50", "p99", "p99.9", "cpu", "load", "rss")


@dataclass(frozen=True)
class Difference:
    """One figure in both reports, their medians over processes, and the verdict."""

    figure: str
    old: float
    new: float
    noise: float

    @property
    def change(self) -> float:
        """New over old, less 1."""
        return self.new / self.old - 1 if self.old else 0.0

    @property
    def verdict(self) -> str:
        """Better, worse, or no difference; less is better of every figure here."""
        if abs(self.change) <= self.noise:
            return "no difference"
        return "better" if self.change < 0 else "worse"


def read_report(path: str | Path) -> dict[str, Any]:
    """A report that `rnnedge bench --json` printed.

    Raises `InputError` where it is none, or of another version.
    """
    try:
        found = json.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: expected the output of 'rnnedge bench --json', found no JSON ({error})") from error
    kind = (found.get("schema"), found.get("schema_version")) if isinstance(found, dict) else (None, None)
    if kind != ("rnnedge.bench", SCHEMA_VERSION):
        raise InputError(
            f"{path}: expected a report rnnedge.bench of version {SCHEMA_VERSION}, found {kind[0]} {kind[1]}; "
            "measure again"
        )
    return dict(found)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Every figure that both reports have."""
    found = []
    before, after = by_process(old), by_process(new)
    for figure in FIGURES:
        a = [float(run[figure]) for run in before if run[figure] is not None]  # type: ignore[arg-type]
        b = [float(run[figure]) for run in after if run[figure] is not None]  # type: ignore[arg-type]
        if a and b:
            found.append(Difference(figure, float(np.median(a)), float(np.median(b)), _noise(a, b)))
    return found


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
    for name, report in (("the old", old), ("the new", new)):
        lines += [f"{name} run is not stable: {reason}" for reason in report["unrest"]]
    return lines


# Facts of a host that are another every minute.
_CHANGING = ("load", "frequency", "throttled")


def _noise(old: Sequence[float], new: Sequence[float]) -> float:
    scatters = [(max(v) - min(v)) / max(float(np.median(v)), 1e-12) for v in (old, new) if len(v) > 1]
    return max(_FLOOR, _SIGMAS / 2 * hypot(*scatters)) if scatters else 2 * _FLOOR
