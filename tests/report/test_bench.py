"""What a benchmark says: figures of all processes, doubts, tables, pages that need nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_reports import GOLDEN, HOST, made_bench, made_report, made_run

from rnnedge.report.bench import run_bench
from rnnedge.report.bench_page import write_comparison, write_page
from rnnedge.report.figures import budget_figures, by_process, latency_table, markdown, other_table
from rnnedge_runtime import InputError
from rnnedge_runtime.measure import percentile
from rnnedge_runtime.measure.budget import METRICS
from rnnedge_runtime.measure.capacity import Capacity
from rnnedge_runtime.measure.processes import Settings

BESIDE = [{"name": "rnnedge", "p50_us": 5.0, "p99_us": 9.0, "times": 1.0},
          {"name": "PyTorch <eager>", "p50_us": 50.0, "p99_us": 70.0, "times": 10.0}]  # fmt: skip


def test_processes_are_one_run_and_each_by_itself() -> None:
    """Percentiles of all pushes together; a burst does not reach from one process into the next."""
    runs = [made_run(0, 100), made_run(1, 9_999), made_run(2, 10_001)]
    report = made_report(*runs)
    every = np.concatenate([run.paced.latency_us for run in runs])
    assert report["paced"]["p99_us"] == percentile(every, 99)
    assert report["paced"]["misses"] == (every > 10_000).sum() == sum(r["paced"]["misses"] for r in report["runs"])
    assert report["paced"]["longest_burst"] == max(r["paced"]["longest_burst"] for r in report["runs"])
    assert [r["p50"] for r in by_process(report)] == [run.paced.percentile_us(50) for run in runs]
    assert report["file"] == GOLDEN.name


def test_doubts_are_said() -> None:
    """Processes that are far apart, that never became steady, a host that is slow or was slowed down."""
    assert made_bench().as_dict()["stable"] is True
    for bench, words in (
        (made_bench(made_run(0, 100), made_run(1, 150)), r"medians of 2 processes are \d\d% apart; close"),
        (made_bench(made_run(0), made_run(1, steady=None)), "1 of 2 processes never became steady"),
        (made_bench(slowed=("throttled 3 times",)), "throttled 3 times"),
        (made_bench(host={**HOST, "governor": "powersave"}), "governor powersave"),
    ):
        report = bench.as_dict()
        assert report["stable"] is False and re.search(words, "\n".join(report["unrest"])), words


def test_every_metric_of_a_budget_has_a_figure() -> None:
    """Also where the run did not measure it, which is None and not missing."""
    full = made_report(capacity={"solo": 3, "pooled": None, "rate_hz": 100.0, "deadline_us": 1e4, "allowed": 0.001})
    assert set(budget_figures(full)) == set(METRICS)
    found = budget_figures(full)
    assert (found["streams"], found["pooled"], found["slope"]) == (3, None, None)
    assert found["p99"] == full["paced"]["p99_us"] and found["load"] == 1000 * full["cold_start"]["load_ms"]
    # Of a made-up process: 60 MB until its first frame, 65 at its end.
    assert found["rss"] == 65.0
    closed = budget_figures(made_report(made_run(0, paced=False)))
    assert closed["p99"] is not None and closed["miss"] is None and closed["rtf"] is not None


def test_tables_have_the_figures_with_their_units() -> None:
    """With a paced part and without."""
    report = made_report(made_run(0, 100), made_run(1, 100))
    columns, rows = latency_table(report)
    assert columns[1:] == ["as fast as possible", "from arrival, 100 pushes a second"]
    assert [row[0] for row in rows] == ["p50", "p90", "p99", "p99.9", "max"]
    assert rows[0][1] == f"{report['closed']['p50_us']:,.2f} us"
    others = dict(other_table(report)[1])
    assert others["misses of the deadline, 10 ms"] == "0 of 1,000 (0.000%)"
    assert others["cold start: import"] == "200.0 ms"
    alone = made_report(made_run(0, paced=False))
    assert len(latency_table(alone)[0]) == 2 and "real-time factor" in dict(other_table(alone)[1])


def test_markdown_is_whole_tables() -> None:
    """Every line of a table has as many cells as its head; a bar in a name does not break it."""
    bench = made_bench(
        host={**HOST, "processor": "a|b"}, capacity=Capacity(5, None, 100.0, 1e4, 0.001), baseline=BESIDE
    )
    text = markdown({**bench.as_dict(), "unrest": ["doubt"]})
    assert "> **not stable**: doubt" in text and "a\\|b" in text and "the file cannot be pooled" in text
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1, block


def needs_nothing_else(page: str) -> bool:
    """No script, no picture or style from elsewhere; SVG names its XML namespaces by address."""
    loads = re.findall(r"(?:src|href)\s*=\s*[\"'](?!#|data:)|url\((?![\"']?#|[\"']?data:)|@import|<script|<link", page)
    return not loads


def test_a_page_has_the_figures_and_needs_nothing_else(tmp_path: Path) -> None:
    """Tables, three drawings, doubts, what stands beside it; names are escaped."""
    bench = made_bench(host={**HOST, "processor": "<b>chip</b>"}, capacity=Capacity(5, 7, 100.0, 1e4, 0.001),
                       baseline=BESIDE)  # fmt: skip
    report = {**bench.as_dict(), "unrest": ["doubt"]}
    page = write_page(report, tmp_path / "page.html").read_text()
    for _, *cells in latency_table(report)[1] + other_table(report)[1]:
        for cell in cells:
            assert cell.replace(" us", " µs") in page, cell
    for words in ("Not stable: doubt", "PyTorch &lt;eager&gt;", "&lt;b&gt;chip", report["sha256"], "deadline"):
        assert words in page, words
    assert page.count("<svg") == 3 and "<b>chip" not in page
    assert needs_nothing_else(page)
    assert not needs_nothing_else(page + '<img src="https://example.org/x.png">')
    assert not needs_nothing_else(page + "<style>@import 'x'</style>")


def test_a_page_without_a_paced_part(tmp_path: Path) -> None:
    """What was not measured is not there."""
    page = write_page(made_report(made_run(0, paced=False)), tmp_path / "page.html").read_text()
    assert "arrival" not in page and page.count("<svg") == 3


def test_many_reports_on_one_page(tmp_path: Path) -> None:
    """More than there are colours; each but the first with a verdict, notes, and its line in the drawings."""
    reports = [made_report(*(made_run(10 * k + j, 100 + 30 * (k == 7)) for j in range(3))) for k in range(8)]
    names = [f"device-{k}" for k in range(8)]
    path = write_comparison(reports, names, tmp_path / "page.html")
    page = path.read_text()
    assert all(f"device-0 and {name}" in page for name in names[1:])
    assert page.count("no difference") > 30 and ">worse<" in page
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, re.S))
    assert all(drawings.count(f">{name}<") == 2 for name in names)
    assert needs_nothing_else(page)


def test_what_may_refuse_comes_before_what_takes_long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file without a rate and no rate for its streams, a baseline that fails: no process was started."""
    from rnnedge.report import bench

    def start(*_: Any) -> None:
        raise AssertionError("a process was started")

    def fails(_: Any) -> Any:
        raise InputError("no baseline")

    monkeypatch.setattr(bench, "run_processes", start)
    with pytest.raises(InputError, match="no baseline"):
        run_bench(GOLDEN, Settings(), baseline=fails)
