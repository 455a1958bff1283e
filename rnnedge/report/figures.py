"""The figures of a benchmark's JSON: as rows to read, as numbers for a budget, for each process for a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Report = Mapping[str, Any]

_TIMES = ("p50", "p90", "p99", "p99.9", "max")
_COLD = {"import": "import_ms", "load": "load_ms", "first": "first_push_ms"}


def budget_figures(report: Report) -> dict[str, float | None]:
    """By the names of `rnnedge_runtime.measure.budget`; latencies are those of the paced run where there is one."""
    return _of_run(report, report.get("capacity"))


def by_process(report: Report) -> list[dict[str, float | None]]:
    """The same for every process of the report by itself."""
    return [_of_run(run, None) for run in report["runs"]]


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
        "rss": cold["peak_rss_mb"],
    }
    found |= {name: 1000 * cold[key] for name, key in _COLD.items()}
    if capacity is not None:
        found |= {"streams": capacity["solo"], "pooled": capacity["pooled"]}
    return found


def rows(report: Report) -> list[tuple[str, str]]:
    """(figure, value with its unit), in the order in which they are asked for."""
    closed, paced, cold = report["closed"], report["paced"], report["cold_start"]
    frames = report["frames_per_push"]
    per = "frame" if frames == 1 else f"push of {frames} frames"
    found = [(f"as fast as possible: {p} per {per}", _us(closed[f"{p}_us"])) for p in _TIMES]
    if paced is not None:
        rate = f"{1e6 / paced['period_us']:.4g} pushes a second"
        found += [(f"at {rate}: {p} from arrival", _us(paced[f"{p}_us"])) for p in _TIMES]
        found += [
            ("jitter", _us(paced["jitter_us"])),
            ("deadline", _us(paced["deadline_us"])),
            ("misses", f"{paced['misses']} of {paced['pushes']:,} ({paced['miss_share']:.3%})"),
            ("longest burst of misses", str(paced["longest_burst"])),
            ("real-time factor", f"{paced['real_time_factor']:.5f}"),
            ("processor time per frame", _us(paced["cpu_us_per_frame"])),
            ("idle burn", f"{paced['idle_burn']:.2%} of a core"),
        ]
        if paced["rss_mb"] is not None:
            slope = paced["rss_slope_mb_per_hour"]
            growth = "" if slope is None else f", {slope:+.2f} MB an hour"
            found.append(("memory", f"{paced['rss_mb']:.1f} MB{growth}"))
    elif closed["real_time_factor"] is not None:
        found.append(("real-time factor", f"{closed['real_time_factor']:.5f}"))
    found += [(f"cold start: {name}", f"{cold[key]:.1f} ms") for name, key in _COLD.items()]
    if cold["peak_rss_mb"] is not None:
        found.append(("cold start: peak memory", f"{cold['peak_rss_mb']:.1f} MB"))
    if report["capacity"] is not None:
        found += _capacity(report["capacity"])
    return [*found, ("file", f"{report['size_bytes']:,} bytes"), ("processes", str(len(report["runs"])))]


def _capacity(capacity: Report) -> list[tuple[str, str]]:
    within = f"within {capacity['deadline_us'] / 1000:.4g} ms at {capacity['rate_hz']:.4g} Hz"
    pooled = "the file cannot be pooled" if capacity["pooled"] is None else str(capacity["pooled"])
    return [(f"streams {within}, one by one", str(capacity["solo"])), (f"streams {within}, in a pool", pooled)]


def _us(value: float) -> str:
    return f"{value / 1000:,.3f} ms" if value >= 10_000 else f"{value:,.2f} us"


def markdown(report: Report) -> str:
    """The figures as a table of Markdown, with the machine below."""
    lines = [f"### {report['file']}: {report['form']} form in {report['precision']} on {report['provider']}", ""]
    lines += _table(("figure", "value"), rows(report))
    if report["unrest"]:
        lines += ["", *(f"> **not stable**: {reason}" for reason in report["unrest"])]
    lines += ["", *_table(("measured on", ""), list(report["host"].items()))]
    return "\n".join(lines)


def _table(head: tuple[str, str], body: list[tuple[str, str]]) -> list[str]:
    cell: Callable[[str], str] = lambda text: str(text).replace("|", "\\|")  # noqa: E731
    return [f"| {head[0]} | {head[1]} |", "|---|---:|", *(f"| {cell(a)} | {cell(b)} |" for a, b in body)]
