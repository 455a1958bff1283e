"""Benchmarks as pages: one report, or several runs and devices side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnedge.report._histograms import decode
from rnnedge.report.compare import compare, difference_table, kind, remarks
from rnnedge.report.figures import baseline_table, latency_table, other_table
from rnnedge.report.page import render
from rnnedge.report.plots import cumulative, latency_histogram, slowest_over_time
from rnnedge_runtime.atomic import write_text

Report = Mapping[str, Any]


def write_page(report: Report, path: str | Path) -> Path:
    """Draw one report; raises `MissingExtra` where what draws it is not installed."""
    series = {"as fast as possible": decode(report["closed"]["histogram"])}
    timelines = {"as fast as possible": report["closed"]["timeline_us"]}
    deadline = None
    if report["paced"] is not None:
        series["paced, from arrival"] = decode(report["paced"]["histogram"])
        timelines["paced, from arrival"] = report["paced"]["timeline_us"]
        deadline = report["paced"]["deadline_us"]
    page = render(
        "bench.html.j2",
        bench=report,
        tables=[latency_table(report), other_table(report)],
        baseline=baseline_table(report),
        histogram=latency_histogram(series, "push"),
        cumulative=cumulative(series, deadline),
        over_time=slowest_over_time(timelines, deadline),
    )
    return write_text(path, page)


def write_comparison(reports: Sequence[Report], names: Sequence[str], path: str | Path) -> Path:
    """Several reports; each next to the first, with a verdict."""
    part = kind(*reports)
    series = {name: decode(report[part]["histogram"]) for name, report in zip(names, reports, strict=True)}
    pairs = [
        (
            name,
            difference_table(compare(reports[0], report), names[0], name),
            remarks(reports[0], report),
        )
        for name, report in zip(names[1:], reports[1:], strict=True)
    ]
    page = render(
        "compare.html.j2",
        names=names,
        reports=reports,
        kind=part,
        pairs=pairs,
        histogram=latency_histogram(series, "push"),
        cumulative=cumulative(series, None),
    )
    return write_text(path, page)
