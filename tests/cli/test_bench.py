"""`rnnedge bench`: reports that keep their schema, budgets with their exit code, comparisons."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command import Command
from in_one_test import in_one_test
from made_reports import made_report, made_run

from rnnedge.report import bench as bench_module

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "bench-2.json").read_text())
QUICK = ("--pushes", 50, "--seconds", 0.1, "--processes", 1)


def validate(report: Any) -> None:
    """By the published schema."""
    jsonschema.Draft202012Validator(SCHEMA).validate(report)


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever measures all the same fails."""

    def run(*_: Any, **__: Any) -> None:
        raise AssertionError("something was measured")

    monkeypatch.setattr(bench_module, "run_bench", run)


def test_a_report_keeps_its_schema(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """What is printed is valid, its percentiles are in order, the page beside it has its figures."""
    page = tmp_path / "page.html"
    done = rnnedge("bench", gru_file, "--pushes", 300, "--seconds", 0.3, "--processes", 2, "--html", page, "--json")
    assert done.code == 0, done.err
    report = done.json
    validate(report)
    for part in (report["closed"], report["paced"]):
        figures = [part[f"p{p}_us"] for p in ("50", "90", "99", "99.9")] + [part["max_us"]]
        assert figures == sorted(figures) and figures[0] > 0
    # A frame rate of 50 Hz.
    assert (report["paced"]["period_us"], report["paced"]["pushes"]) == (20_000, 30)
    assert report["closed"]["real_time_factor"] == pytest.approx(report["closed"]["mean_us"] * 1e-6 * 50)
    assert len(report["runs"]) == 2 and {"processor", "onnxruntime"} <= set(report["host"])
    assert report["sha256"] in page.read_text()


def test_a_report_without_a_paced_part_keeps_its_schema(rnnedge: Command, gru_file: Path) -> None:
    """Null where it was left out."""
    done = rnnedge("bench", gru_file, "--pushes", 50, "--seconds", 0, "--processes", 1, "--json")
    validate(done.json)
    assert done.json["paced"] is None and done.json["capacity"] is None


def test_the_schema_is_strict() -> None:
    """It refuses what is missing, what is more, and what is of another kind; it takes the rest."""
    report = made_report()
    validate(report)
    validate({**report, "closed": {**report["closed"], "histogram": [[1.5, 3]]}, "baseline": None})
    for wrong in (
        {**report, "more": 1},
        {key: value for key, value in report.items() if key != "unrest"},
        {**report, "schema_version": 1},
        {**report, "sha256": "abc"},
        {**report, "closed": {**report["closed"], "p50_us": "fast"}},
        {**report, "closed": {**report["closed"], "histogram": None}},
        {**report, "paced": {**report["paced"], "jitter_ms": 1.0}},
        {**report, "runs": []},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validate(wrong)


def test_rate_deadline_and_time_are_those_asked_for(rnnedge: Command, gru_file: Path) -> None:
    """Hertz, milliseconds, seconds."""
    report = rnnedge("bench", gru_file, *QUICK, "--rate", 200, "--deadline", 1.5, "--json").json
    paced = report["paced"]
    assert (paced["period_us"], paced["deadline_us"], paced["pushes"]) == (5000, 1500, 20)


def test_text_and_markdown_have_the_figures(rnnedge: Command, gru_file: Path) -> None:
    """Tables on standard output, and nothing else there."""
    text = rnnedge("bench", gru_file, *QUICK).out
    for words in ("p99.9", "as fast as possible", "from arrival, 50 pushes a second", "longest burst", "idle burn"):
        assert words in text, words
    lines = rnnedge("bench", gru_file, *QUICK, "--markdown").out.splitlines()
    assert lines[0] == "### gru.onnx: native form in float32 on cpu"
    assert any(re.fullmatch(r"\| p99\.9 \| [\d.,]+ [um]s \| [\d.,]+ [um]s \|", line) for line in lines)


def test_a_budget_that_is_missed_ends_with_5_and_names_the_figure(rnnedge: Command, gru_file: Path) -> None:
    """After the report; one that is kept ends with 0."""
    done = rnnedge("bench", gru_file, *QUICK, "--fail-on", "p99<1ns, max<1000s, import>1000s", "--json")
    assert done.code == 5
    validate(done.json)
    assert re.search(r"rnnedge: gru\.onnx: p99<1ns: found [\d.]+ [um]s; import>1000s: found", done.err)
    assert "max<1000s" not in done.err
    assert rnnedge("bench", gru_file, *QUICK, "--fail-on", "p99<1000s,miss<=100%").code == 0


@in_one_test(
    ("options", "words"),
    [
        (("--fail-on", "p98<2ms"), "expected one of p50"),
        (("--fail-on", ""), "such as p99<2ms"),
        (("--fail-on", "p99<2"), "found no unit"),
        (("--fail-on", "miss<1%", "--seconds", 0), "--seconds above 0"),
        (("--fail-on", "slope<1MB/h"), "--seconds 30"),
        (("--fail-on", "streams>3"), "by --streams"),
        (("--rate", 0), "above 0"),
        (("--rate", "nan"), "found nan"),
        (("--deadline", -1), "found -1"),
        (("--seconds", "inf"), "found inf"),
        (("--baseline", "factories:gru", "--on", "ssh://somewhere"), "needs PyTorch"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_measured(
    options: tuple[Any, ...], words: str, rnnedge: Command, gru_file: Path, unmeasured: None
) -> None:
    """Usage, with what was expected."""
    done = rnnedge("bench", gru_file, *options)
    assert done.code == 2, done.err
    assert words in " ".join(done.err.replace("│", " ").split())


def test_two_files_are_a_mistake(rnnedge: Command, gru_file: Path, unmeasured: None) -> None:
    """Reports are what is compared."""
    done = rnnedge("bench", gru_file, gru_file)
    assert done.code == 2 and "bench compare" in done.err


def test_a_page_that_cannot_be_drawn_is_refused_first(
    rnnedge: Command, gru_file: Path, tmp_path: Path, unmeasured: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device rarely has what draws; a folder may be missing."""
    from rnnedge.report import page

    done = rnnedge("bench", gru_file, "--html", tmp_path / "none" / "page.html")
    assert done.code == 6, done.err
    monkeypatch.setattr(page, "find_spec", lambda name: None if name == "matplotlib" else name)
    done = rnnedge("bench", gru_file, "--html", tmp_path / "page.html")
    assert done.code == 2 and "needs matplotlib; install 'rnnedge[report]'" in done.err


@pytest.mark.slow
def test_streams_are_counted(rnnedge: Command, gru_file: Path) -> None:
    """At a deadline that nothing keeps: none, in little time; the report says at which rate."""
    done = rnnedge("bench", gru_file, *QUICK, "--streams", "--rate", 1000, "--deadline", 0.001, "--json")
    validate(done.json)
    assert done.json["capacity"] == {"solo": 0, "pooled": 0, "rate_hz": 1000, "deadline_us": 1.0, "allowed": 0.001}


@pytest.mark.slow
def test_a_baseline_stands_beside(rnnedge: Command, gru_file: Path) -> None:
    """What the file's source costs in three other ways; ours is the first, and 1."""
    done = rnnedge("bench", gru_file, *QUICK, "--baseline", "factories:gru", "--json")
    assert done.code == 0, done.err
    validate(done.json)
    names = [row["name"] for row in done.json["baseline"]]
    assert names == ["rnnedge", "PyTorch eager", "TorchScript", "torch.onnx.export and session.run"]
    assert done.json["baseline"][0]["times"] == 1.0


@pytest.mark.parametrize(
    ("source", "words"),
    [("factories:tagger", "expected forward(x, state)"), ("factories:wider", "(4,) a frame, found one with (6,)"),
     ("factories:fails", "ZeroDivisionError")],
)  # fmt: skip
def test_a_baseline_that_is_none_is_refused(
    source: str, words: str, rnnedge: Command, gru_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without a state, another network, one that fails: before the processes are started."""

    def start(*_: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(bench_module, "run_processes", start)
    done = rnnedge("bench", gru_file, *QUICK, "--baseline", source)
    assert done.code == 3, done.err
    assert words in done.err


@pytest.fixture
def reports(tmp_path: Path) -> tuple[Path, Path]:
    """Of a file, and of a slower one."""
    paths = tmp_path / "old.json", tmp_path / "new.json"
    for path, level_us, seed in ((paths[0], 100, 0), (paths[1], 160, 50)):
        path.write_text(json.dumps(made_report(*(made_run(seed + k, level_us) for k in range(3)))))
    return paths


def test_reports_are_compared(rnnedge: Command, reports: tuple[Path, Path], tmp_path: Path) -> None:
    """A table, Markdown, JSON, a page: each with the verdict."""
    page = tmp_path / "page.html"
    done = rnnedge("bench", "compare", *reports, "--html", page)
    assert done.code == 0, done.err
    assert re.search(r"p50 .* \+\d\d\.\d% .* worse", done.out)
    assert ">worse<" in page.read_text()
    lines = rnnedge("bench", "compare", *reports, "--markdown").out.splitlines()
    assert lines[0].startswith("| figure |") and any(line.startswith("| p50 |") and "worse" in line for line in lines)
    found = rnnedge("bench", "compare", *reports, "--json").json
    assert (found["schema"], found["schema_version"], found["old"]) == ("rnnedge.bench-compare", 1, str(reports[0]))
    (pair,) = found["new"]
    figures = {figure["figure"]: figure for figure in pair["figures"]}
    assert figures["p50"]["verdict"] == "worse" and figures["rss"]["verdict"] == "no difference"
    assert figures["p50"]["change"] == pytest.approx(figures["p50"]["new"] / figures["p50"]["old"] - 1)


def test_reports_of_one_name_stay_apart(rnnedge: Command, reports: tuple[Path, Path], tmp_path: Path) -> None:
    """As those of two devices may be called."""
    (tmp_path / "pi").mkdir()
    other = tmp_path / "pi" / "old.json"
    other.write_text(reports[1].read_text())
    page = tmp_path / "page.html"
    done = rnnedge("bench", "compare", reports[0], other, "--html", page, "--json")
    assert done.code == 0, done.err
    assert f"{tmp_path.name}/old and pi/old" in page.read_text()
    done = rnnedge("bench", "compare", reports[0], reports[0], "--html", page)
    assert done.code == 0 and f"2 {reports[0]}" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("old",), 2, "expected two reports or more, found 1"),
        (("old", "missing.json"), 6, "cannot be read"),
        (("old", "new", "--fail-on", "p99<1ms"), 2, "takes no --fail-on"),
        (("old", "new", "--streams"), 2, "takes no --streams"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    arguments: tuple[str, ...], code: int, words: str, rnnedge: Command, reports: tuple[Path, Path]
) -> None:
    """Too few, none, and options that would have no effect."""
    places = {"old": str(reports[0]), "new": str(reports[1])}
    done = rnnedge("bench", "compare", *(places.get(word, word) for word in arguments))
    assert done.code == code, done.err
    assert words in " ".join(done.err.replace("│", " ").split())
