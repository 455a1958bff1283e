"""Text of a file is letters wherever it is shown: terminal, spreadsheet, page, drawing, Markdown, C."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
from command import Command
from hostile import TEXT, check_inert, hostile
from in_one_test import in_one_test

from rnnedge.report.escape import in_csv, in_drawing, in_markdown, inert


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose names, labels and notes all act on what shows them."""
    path = tmp_path_factory.mktemp("hostile") / "net.onnx"
    path.write_bytes(hostile())
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A recording for it."""
    path = tmp_path / "frames.npy"
    np.save(path, np.random.default_rng(0).standard_normal((5, 4)).astype(np.float32))
    return path


@in_one_test(
    "text",
    [*map(chr, [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x200B, 0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2060,
                0x2066, 0x2069, 0xFEFF, 0xD800, 0xDFFF, 0xE000, 0xE0041, 0xFFFE])],
)  # fmt: skip
def test_what_is_no_letter_is_escaped(text: str) -> None:
    """Controls of both kinds, directions, what has no width, halves of characters; it can be encoded, in a line."""
    shown = inert(f"a{text}b")
    assert shown == f"a{text.encode('unicode_escape').decode()}b" and shown.isprintable()
    assert inert(text, keep=text) == text


@in_one_test("text", ["speaker 3", "für Élise", "日本語　テスト", "a\u00a0b", "☃ 🎵", "\\x1b", "[0]", "", "नमस्ते"])
def test_letters_stay(text: str) -> None:
    """Of every script, with their marks and spaces."""
    assert inert(text) == text


@in_one_test("text", ["=1+1", "+SUM(A1)", "-cmd|' /C calc'!A0", "@x", " =1", "\uff1d1", "-", "+a", "--5", "-1_0"])
def test_a_cell_is_no_formula(text: str) -> None:
    """Marked as text by an apostrophe; a number is a number, with its sign."""
    assert in_csv(text) == f"'{text}"


@in_one_test("text", ["-1", "+2.5e3", "-inf", "a=b", "x", "", "'=1", "1-2"])
def test_a_cell_of_text_stays(text: str) -> None:
    """Where no spreadsheet would compute it."""
    assert in_csv(text) == text


@in_one_test("text", ["a|b", "<b>", "[x](y)", "`c`", "*s*", "_e_", "&lt;", "# h", "a\nb", "![i](u)", "~~d~~"])
def test_markdown_is_text(text: str) -> None:
    """Nothing in it is left that begins anything, and it is one line."""
    shown = in_markdown(text)
    assert not re.search(r"(?<!\\)[|`*_\[\]~]|[<>\n]|&(?!lt;|gt;|amp;|#35;)|(?<!&)#", shown)


@in_one_test("text", ["$", "US$/CA$", "$\\frac{1", "$x$", "b$", "\\$x\\$", "_hidden", "", "x" * 500, "50 %"])
def test_a_name_is_drawn_as_it_is(text: str) -> None:
    """As matplotlib reads it: no formula, and not left out of a legend."""
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.add_subplot()
    axes.plot([0, 1], label=in_drawing(text))
    (shown,) = axes.legend().get_texts()
    clean, math = shown._preprocess_math(shown.get_text())
    assert not math and clean.strip() == (text if len(text) <= 60 else f"…{'x' * 59}")


class Page(HTMLParser):
    """The tags and the attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def check_page(path: Path) -> None:
    """Assert that a page has no tag of the file's, and none that acts."""
    text = path.read_text(encoding="utf-8")
    check_inert(text)
    page = Page(text)
    assert not page.tags & {"script", "iframe", "object", "a"}
    assert not any(name.startswith("on") for name in page.attributes)
    assert "alert(1)" in text
    if "img" in page.tags:
        assert "<img src=x" not in text


def test_a_file_is_inspected(rnnedge: Command, file: Path) -> None:
    """As a table and as JSON, which holds the very text."""
    done = rnnedge("inspect", file)
    assert done.code == 0 and "\\x1b]0;owned" in done.out
    check_inert(done.out)
    done = rnnedge("inspect", file, "--json")
    check_inert(done.out)
    assert done.json["contract"]["labels"][0] == f"{TEXT}0"


@pytest.mark.parametrize("where", ["stdout", "file"])
def test_predictions_are_no_formulas(where: str, rnnedge: Command, file: Path, frames: Path, tmp_path: Path) -> None:
    """In a header and in a row, with labels and without."""
    labelled, plain = file, tmp_path / "plain.onnx"
    plain.write_bytes(hostile(labels=[]))
    for model in (labelled, plain):
        for options in ([], ["--values"], ["--format", "jsonl"]):
            target = ["-o", tmp_path / "out.csv"] if where == "file" else []
            done = rnnedge("run", model, frames, *options, *target)
            assert done.code == 0, done.err
            text = (tmp_path / "out.csv").read_text() if target else done.out
            check_inert(text)
            if "jsonl" in options:
                assert all(json.loads(line)["frame"] >= 0 for line in text.splitlines())
                continue
            rows = list(csv.reader(io.StringIO(text)))
            assert len(rows) == 6 and len({len(row) for row in rows}) == 1
            assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "@", "\t", "\r")]


def test_errors_and_usage_are_inert(rnnedge: Command, file: Path, tmp_path: Path) -> None:
    """Names of files, of columns, of options, and what stands in a cell."""
    name = TEXT.replace("/", "").replace("\0", "")[:60]
    (tmp_path / f"{name}.csv").write_text("1,2,3,4\n1,2,3,\x1b[2J\n")
    np.savez(tmp_path / "two.npz", **{TEXT.replace("/", ""): np.zeros(3)})
    shutil.copy(file, tmp_path / f"{name}.onnx")
    for arguments in (
        ["run", file, tmp_path / f"{name}.csv"],
        ["run", file, tmp_path / "two.npz"],
        ["run", file, f"{name}.csv"],
        ["run", file, f"x.{name}"],
        ["run", file, tmp_path / f"{name}.csv", "--format", TEXT],
        ["run", f"{name}.onnx", "-"],
        ["verify", tmp_path / f"{name}.onnx", "--key", f"{name}.pem"],
        ["explain", file, tmp_path / f"{name}.csv", "-o", tmp_path / "p.html"],
        ["export", tmp_path / f"{name}.onnx", "-o", tmp_path / "no" / f"{name}.onnx"],
        ["compile", tmp_path / f"{name}.onnx", "-o", tmp_path / f"{name}.csv"],
        ["bench", "compare", f"{name}.json", f"{name}.json"],
        ["train", f"{name}.toml", "-o", tmp_path],
        [name],
        ["run", f"--{name}"],
    ):
        done = rnnedge(*arguments)
        assert done.code in (2, 3, 6), (arguments, done.err)
        check_inert(done.out + done.err)
        assert "defect" not in done.err and "Traceback" not in done.err


def test_a_file_is_replayed_and_generates(rnnedge: Command, file: Path, tmp_path: Path) -> None:
    """What a model of characters writes is letters and line ends."""
    done = rnnedge("verify", file, "--json")
    assert done.code == 0, done.err
    check_inert(done.out)
    done = rnnedge("generate", file, "--prompt", "\x1b[2J", "--length", 3)
    check_inert(done.out + done.err, ends="\n\t")


def test_a_library_has_only_comments_of_it(rnnedge: Command, file: Path, tmp_path: Path) -> None:
    """The names of the file are in comments, in ASCII; the code has identifiers of letters only."""
    path = tmp_path / TEXT.replace("/", "")[:80]
    shutil.copy(file, path)
    done = rnnedge("compile", path, "-o", tmp_path / "out", "--target", "c", "--name", "net", "--bindings", "cpp",
                   "--bindings", "rust", "--bindings", "go")  # fmt: skip
    assert done.code == 0, done.err
    check_inert(done.out + done.err)
    for source in (tmp_path / "out" / "net.c", tmp_path / "out" / "net.h"):
        text = source.read_text()
        assert text.isascii()
        check_inert(text)
        assert "HYPERLINK" in text
        bare = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
        assert not [sign for sign in ("(1)", "system(", "HYPERLINK(", "://") if sign in bare]
    for ending in ("hpp", "rs", "go"):
        text = (tmp_path / "out" / f"net.{ending}").read_text()
        check_inert(text, ends="\n\t")
        lines = [line for line in text.splitlines() if 'HYPERLINK("' in line]
        assert lines and all(re.fullmatch(r"\s*//[^`]*`[^`]*`[^`]*", line) for line in lines)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """A benchmark from a machine of somebody else."""
    from made_reports import HOST, made_report

    found = made_report(host={**HOST, "processor": TEXT, TEXT: TEXT})
    return {**found, "file": TEXT, "form": TEXT, "precision": TEXT, "provider": TEXT, "unrest": [TEXT], "stable": False}


def test_a_report_of_another_machine_is_inert(rnnedge: Command, report: dict[str, Any], tmp_path: Path) -> None:
    """Compared as a table, as Markdown, as JSON, and as a page with drawings."""
    paths = [tmp_path / "old.json", tmp_path / f"{TEXT.replace('/', '')[:80]}.json"]
    for path in paths:
        path.write_text(json.dumps(report))
    for options in ([], ["--markdown"], ["--json"], ["--html", tmp_path / "page.html"]):
        done = rnnedge("bench", "compare", *paths, *options)
        assert done.code == 0, done.err
        check_inert(done.out + done.err)
    check_page(tmp_path / "page.html")


def test_a_report_is_drawn_and_written_inert(report: dict[str, Any], tmp_path: Path) -> None:
    """As a page, and as Markdown without a tag."""
    from rnnedge.report.bench_page import write_page
    from rnnedge.report.figures import markdown

    check_page(write_page(report, tmp_path / "page.html"))
    text = markdown(report)
    check_inert(text)
    assert "<" not in text and not re.search(r"(?<!\\)\[", text)


def test_an_explanation_is_drawn_inert(rnnedge: Command, frames: Path, tmp_path: Path, tapped: Path) -> None:
    """Labels and names of outputs, in the page, in the drawings, in the names of the pictures."""
    options = ["-o", tmp_path / "page.html", "--png", tmp_path / "png", "--npz", tmp_path / "a.npz"]
    done = rnnedge("explain", tapped, frames, *options)
    assert done.code == 0, done.err
    check_inert(done.out + done.err)
    check_page(tmp_path / "page.html")
    assert all(re.fullmatch(r"[\w.-]+", path.name, re.ASCII) for path in (tmp_path / "png").iterdir())
    done = rnnedge("explain", tapped, frames, "-o", tmp_path / "page.html", "--json")
    check_inert(done.out)


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with taps, and hostile labels."""
    import torch

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tapped") / "seen.onnx"
    labels = [f"{TEXT}{i}" for i in range(3)]
    module = torch.nn.GRU(4, 3, batch_first=True)
    quickly.export(module, torch.zeros(1, 5, 4), path, labels=labels, taps=("gates", "state"))
    return path
