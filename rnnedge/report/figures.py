"""The figures of a benchmark's JSON: as tables to read, as numbers for a budget, for each process for a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnnedge.report.escape import in_markdown

Report = Mapping[str, Any]
# The names of the columns, and the rows.
Table = tuple[list[str], list[list[str]]]

_TIMES = ("p50", "p90", "p99", "p99.9", "max")
_COLD = {"import": "import_ms", "load": "load_ms", "first": "first_push_ms"}
_COLD_WORDS = {"import": "import_ms", "load": "load_ms", "first push": "first_push_ms"}


def budget_figures(report: Report) -> dict[str, float | None]:
    """By the names of `rnnedge_runtime.measure.budget`; latencies are those of the paced run if there is one."""
    return _of_run(report, report.get("capacity"))


def by_process(report: Report, paced: bool = True) -> list[dict[str, float | None]]:
    """The same for every process of the report by itself; without the paced part where that is not asked for."""
    return [_of_run(run if paced else {**run, "paced": None}, None) for run in report["runs"]]


def _of_run(part: Report, capacity: Report | None) -> dict[str, float | None]:
    closed, paced, cold = part["closed"], part["paced"] or {}, part["cold_start"]
    latencies = paced or closed
    found: dict[str, float | None] = {name: latencies[f"{name}_us"] for name in _TIMES}
    found |= {
        "jitter": paced.get("jitter_us"),
        "cpu": paced.get("cpu_us_per_frame"),
        "miss": paced.get("miss_share"),
        "burst": paced.get("longest_burst"),
        "rtf": paced.get("real_time_factor", closed.get("real_time_factor")),
        "idle": paced.get("idle_burn"),
        "slope": paced.get("rss_slope_mb_per_hour"),
        "rss": max((mb for mb in (cold["peak_rss_mb"], paced.get("rss_mb")) if mb is not None), default=None),
    }
    found |= {name: 1000 * cold[key] for name, key in _COLD.items()}
    if capacity is not None:
        found |= {"streams": capacity["solo"], "pooled": capacity["pooled"]}
    return found


def latency_table(report: Report) -> Table:
    """Percentiles of a push: as fast as possible, and from the arrival of its frames where it was paced."""
    closed, paced = report["closed"], report["paced"]
    frames = report["frames_per_push"]
    columns = ["latency of a frame" if frames == 1 else f"latency of {frames} frames", "as fast as possible"]
    if paced is not None:
        columns.append(f"from arrival, {_rate(1e6 / paced['period_us'])} pushes a second")
    parts = [part for part in (closed, paced) if part is not None]
    return columns, [[name, *(_us(part[f"{name}_us"]) for part in parts)] for name in _TIMES]


def other_table(report: Report) -> Table:
    """Every other figure with its unit, in the order in which they are asked for."""
    closed, paced, cold = report["closed"], report["paced"], report["cold_start"]
    found = []
    if paced is not None:
        late = f"{paced['misses']} of {paced['pushes']:,} ({paced['miss_share']:.3%})"
        found += [
            (f"misses of the deadline, {paced['deadline_us'] / 1000:g} ms", late),
            ("longest burst of misses", str(paced["longest_burst"])),
            ("jitter", _us(paced["jitter_us"])),
            ("real-time factor", f"{paced['real_time_factor']:.5f}"),
            ("processor time per frame", _us(paced["cpu_us_per_frame"])),
        ]
        if paced["idle_burn"] is not None:
            found.append(("idle burn", f"{paced['idle_burn']:.2%} of a core"))
        if paced["rss_mb"] is not None:
            slope = paced["rss_slope_mb_per_hour"]
            growth = "" if slope is None else f", {slope:+.2f} MB an hour"
            found.append(("memory", f"{paced['rss_mb']:.1f} MB{growth}"))
    elif closed["real_time_factor"] is not None:
        found.append(("real-time factor", f"{closed['real_time_factor']:.5f}"))
    found += [(f"cold start: {words}", f"{cold[key]:.1f} ms") for words, key in _COLD_WORDS.items()]
    if cold["peak_rss_mb"] is not None:
        found.append(("cold start: peak memory", f"{cold['peak_rss_mb']:.1f} MB"))
    if report["capacity"] is not None:
        found += _capacity(report["capacity"])
    found += [("file", f"{report['size_bytes']:,} bytes"), ("processes", str(len(report["runs"])))]
    return ["figure", "value"], [list(row) for row in found]


def baseline_table(report: Report) -> Table:
    """What a frame costs otherwise."""
    rows = [
        [row["name"], _us(row["p50_us"]), _us(row["p99_us"]), f"{row['times']:.2f}"] for row in report["baseline"] or ()
    ]
    return ["compared in turns", "p50", "p99", "times as long"], rows


def _capacity(capacity: Report) -> list[tuple[str, str]]:
    within = f"within {capacity['deadline_us'] / 1000:.4g} ms at {capacity['rate_hz']:.4g} Hz"
    pooled = "the file cannot be pooled" if capacity["pooled"] is None else str(capacity["pooled"])
    return [(f"streams {within}, one by one", str(capacity["solo"])), (f"streams {within}, in a pool", pooled)]


def _rate(hz: float) -> str:
    return f"{hz:,.0f}" if hz >= 1000 else f"{hz:.4g}"


def _us(value: float) -> str:
    return f"{value / 1000:,.3f} ms" if value >= 1000 else f"{value:,.2f} us"


def markdown(report: Report) -> str:
    """The figures as tables of Markdown, with the machine below."""
    unrest = (f"> **not stable**: {in_markdown(reason)}" for reason in report["unrest"])
    parts = [f"### {in_markdown(title(report))}", *unrest]
    parts += [markdown_table(table) for table in (latency_table(report), other_table(report))]
    if report["baseline"]:
        parts.append(markdown_table(baseline_table(report)))
    parts.append(markdown_table((["measured on", ""], [list(fact) for fact in report["host"].items()])))
    return "\n\n".join(parts)


def title(report: Report) -> str:
    """What was measured, in a line."""
    return f"{report['file']}: {report['form']} form in {report['precision']} on {report['provider']}"


def markdown_table(table: Table) -> str:
    """A table of Markdown whose columns after the first are right-aligned."""
    columns, rows = table
    shown = [[in_markdown(cell) for cell in line] for line in (columns, *rows)]
    shown.insert(1, ["---", *(["---:"] * (len(columns) - 1))])
    return "\n".join(f"| {' | '.join(line)} |" for line in shown)
