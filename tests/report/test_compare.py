"""Two benchmarks beside each other: noise is no difference, a slow-down is one, and what hinders is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_one_test import in_one_test
from made_reports import made_report, made_run

from rnnedge.report.compare import Difference, compare, remarks
from rnnedge.report.read import read_report
from rnnedge_runtime import InputError


def runs(level_us: float, seed: int, count: int = 3, **more: Any) -> list[Any]:
    """Processes of one benchmark."""
    return [made_run(seed + k, level_us, **more) for k in range(count)]


def verdicts(old: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """By figure."""
    return {d.figure: d.verdict for d in compare(old, new)}


def test_noise_is_no_difference() -> None:
    """Of fifty pairs of equal benchmarks, at most a few figures are called different."""
    wrong = 0
    for seed in range(50):
        found = verdicts(made_report(*runs(100, 10 * seed)), made_report(*runs(100, 1000 + 10 * seed)))
        assert set(found) == {"p50", "p99", "p99.9", "miss", "cpu", "load", "rss"}
        wrong += sum(verdict != "no difference" for verdict in found.values())
    assert wrong <= 0.04 * 50 * 7


@pytest.mark.parametrize(("level_us", "verdict"), [(130, "worse"), (75, "better")])
def test_a_real_change_is_found(level_us: float, verdict: str) -> None:
    """A third more or a quarter less, where processes are a few percent apart; memory stays what it was."""
    found = verdicts(made_report(*runs(100, 0)), made_report(*runs(level_us, 50)))
    assert (found["p50"], found["cpu"]) == (verdict, verdict)
    assert found["rss"] == "no difference"


def test_what_scatters_more_needs_a_larger_change() -> None:
    """The same medians, and processes that are far apart."""
    calm = made_report(made_run(0, 99), made_run(1, 100), made_run(2, 101))
    wild = made_report(made_run(3, 90), made_run(4, 125), made_run(5, 160))
    assert verdicts(calm, wild)["p50"] == "no difference"


def test_figures_that_are_0() -> None:
    """From none to some is worse, the other way better; no share of change is made up."""
    late = made_run(0, 20_000)
    never, often = made_report(*runs(100, 0)), made_report(late, late, late)
    found = {d.figure: d for d in compare(never, often)}["miss"]
    assert (found.old, found.new, found.change, found.verdict) == (0.0, 1.0, None, "worse")
    assert verdicts(often, never)["miss"] == "better"
    assert Difference("cpu", 0.0, 0.0, 0.0).verdict == "no difference"


def test_one_process_shows_no_noise() -> None:
    """A tenth is granted, and it is said."""
    old, new = made_report(made_run(0)), made_report(made_run(1, 105))
    assert verdicts(old, new)["p50"] == "no difference"
    assert sum("of one process" in line for line in remarks(old, new)) == 2


def test_a_closed_loop_is_not_held_against_a_paced_run() -> None:
    """Latencies of the part that both have; it is said."""
    old, new = made_report(*runs(100, 0)), made_report(*runs(100, 50, paced=False))
    found = {d.figure: d for d in compare(old, new)}
    assert {"miss", "cpu"}.isdisjoint(found)
    assert found["p50"].verdict == "no difference"
    assert found["p50"].old == pytest.approx(old["closed"]["p50_us"], rel=0.05)
    assert any("only one of the two was paced" in line for line in remarks(old, new))


def test_what_hinders_a_comparison_is_said() -> None:
    """Other hosts, files, settings, paces; runs that were not stable. Facts that change by the minute are none."""
    old = made_report()
    assert remarks(old, {**old, "host": {**old["host"], "load": "0.9"}}) == []
    other = {
        **old,
        "host": {**old["host"], "processor": "another", "kernel": "new"},
        "sha256": "0" * 64,
        "threads": 2,
        "paced": {**old["paced"], "period_us": 20_000.0},
        "unrest": ["the lights went out"],
    }
    lines = "\n".join(remarks(old, other))
    for words in ("different hosts: kernel, processor", "two different files", "threads: 1 and 2", "another pace",
                  "the new run is not stable: the lights went out"):  # fmt: skip
        assert words in lines


@in_one_test(
    ("text", "words"),
    [("no json", "found no JSON"), ("[1]", "found None None"), ('{"schema": "rnnedge.run"}', "found rnnedge.run None"),
     ('{"schema": "rnnedge.bench", "schema_version": 1}', "version 2, found rnnedge.bench 1; measure again"),
     ('{"schema": "rnnedge.bench", "schema_version": 2, "file": "x"}', "sha256: found none")],
)  # fmt: skip
def test_what_is_no_report_is_refused(text: str, words: str, tmp_path: Path) -> None:
    """With what was expected and what was found."""
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"report\.json: ") as caught:
        read_report(path)
    assert words in str(caught.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_report(tmp_path / "missing.json")


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Through JSON."""
    report = made_report()
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert read_report(tmp_path / "report.json") == report
