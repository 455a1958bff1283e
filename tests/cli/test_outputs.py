"""`-o` of every verb: no file that is read, no folder, nothing that cannot be written; nothing is left behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from command import Command
from in_one_test import in_one_test
from made_reports import made_report

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
# Every verb that writes a file, the place of it as OUT, what it reads, and of what an output would be lost.
VERBS = {
    "run": ["run", "net.onnx", "in.csv", "-o", "OUT"],
    "score": ["score", "net.onnx", "in.csv", "-o", "OUT"],
    "export": ["export", "net.onnx", "-o", "OUT"],
    "export a module": ["export", "factories:gru", "-o", "OUT", "--calibration", "in.csv", "--precision", "int8"],
    "adopt": ["adopt", "net.onnx", "-o", "OUT", "--state", "h:h2"],
    "tune": ["tune", "net.onnx", "-o", "OUT"],
    "explain": ["explain", "net.onnx", "in.csv", "-o", "OUT"],
    "explain to arrays": ["explain", "net.onnx", "in.csv", "-o", "page.html", "--npz", "OUT"],
    "bench": ["bench", "net.onnx", "--html", "OUT"],
    "bench compare": ["bench", "compare", "old.json", "new.json", "--html", "OUT"],
}
every_verb = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(GOLDEN, "net.onnx")
    Path("in.csv").write_text("1,2,3,4\n")
    Path("folder").mkdir()
    if hasattr(os, "symlink"):
        Path("link.csv").symlink_to("in.csv")
        Path("around").symlink_to("around")


def contents() -> dict[str, object]:
    """What is in this folder, by name."""
    return {
        p.name: p.readlink() if p.is_symlink() else p.read_bytes() if p.is_file() else None for p in Path().iterdir()
    }


@every_verb
@in_one_test(
    ("output", "code", "words"),
    [
        ("folder", 6, "it is a folder"),
        ("none/there", 6, "the folder none does not exist"),
        ("in.csv/below", 6, "cannot be written"),
        ("around", 6, "Too many levels of symbolic links"),
        ("n" * 300, 6, "cannot be written"),
    ],
)
def test_what_cannot_be_written_is_told_first(verb: str, output: str, code: int, words: str, rnnedge: Command) -> None:
    """Before anything is measured, exported or drawn; in a line."""
    before = contents()
    done = rnnedge(*(output if word == "OUT" else word for word in VERBS[verb]))
    assert done.code == code and words in done.err, done.err
    assert done.err.count("\n") == 1 and "defect" not in done.err
    assert contents() == before


@every_verb
@in_one_test("output", ["new/", "new//", "new/.", "new/..", "folder/", "in.csv/"])
def test_what_names_a_folder_is_no_file(verb: str, output: str, rnnedge: Command) -> None:
    """A separator at the end says so, and none is made or written under the name before it."""
    before = contents()
    done = rnnedge(*(output if word == "OUT" else word for word in VERBS[verb]))
    assert done.code == 2 and "names a folder" in " ".join(done.err.split()), done.err
    assert contents() == before


@every_verb
def test_what_is_read_is_not_written(verb: str, rnnedge: Command) -> None:
    """By its own name, by another path, by a link; what would be lost is named."""
    before = contents()
    reads = [word for word in VERBS[verb] if Path(word).is_file()]
    outputs = [*reads, *(f"folder/../{word}" for word in reads), *(["link.csv"] if "in.csv" in reads else []), "-"]
    for output in outputs:
        if (verb, output) == ("run", "-"):
            continue
        done = rnnedge(*(output if word == "OUT" else word for word in VERBS[verb]))
        assert done.code == 2, (output, done.err)
        assert "expected " in done.err and "defect" not in done.err
    assert contents() == before


def test_two_outputs_are_two_files(rnnedge: Command) -> None:
    """A page and its arrays."""
    done = rnnedge("explain", "net.onnx", "in.csv", "-o", "folder/../one", "--npz", "one")
    assert done.code == 2 and "expected another file than that of --page" in " ".join(done.err.split())


@pytest.mark.parametrize("verb", ["compile net.onnx -o -", "train adding -o -", "demo -o -", "explain a b --png -"])
def test_a_folder_is_not_called_like_standard_output(verb: str, rnnedge: Command) -> None:
    """A dash is nothing that was meant."""
    done = rnnedge(*verb.split())
    assert done.code == 2 and "expected a path, found -" in done.err
    assert not Path("-").exists()


@in_one_test("verb", ["compile net.onnx -o", "package net.onnx --for ort -o", "train adding -o", "demo -o",
                      "explain a b --png", "new"])  # fmt: skip
def test_nothing_is_not_the_current_folder(verb: str, rnnedge: Command) -> None:
    """As a variable of a shell that is not set leaves it; nothing is written."""
    before = contents()
    for given in ("", " "):
        done = rnnedge(*verb.split(), given)
        assert done.code == 2 and "expected a folder, found '" in " ".join(done.err.split()), done.err
    assert contents() == before


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="POSIX")
def test_devices_and_standard_output_take_what_is_written(rnnedge: Command) -> None:
    """/dev/null as often as one likes, also for two outputs; a dash is standard output for rows."""
    rows = rnnedge("run", "net.onnx", "in.csv").out
    assert rows.startswith("frame,")
    assert rnnedge("run", "net.onnx", "in.csv", "-o", "-").out == rows
    assert rnnedge("run", "net.onnx", "in.csv", "-o", "/dev/null").code == 0
    for name in ("old.json", "new.json"):
        Path(name).write_text(__import__("json").dumps({**made_report()}))
    assert rnnedge("bench", "compare", "old.json", "new.json", "--html", "/dev/null").code == 0
    assert Path("/dev/null").is_char_device()


def test_rows_that_end_in_an_error_leave_the_old_file(rnnedge: Command) -> None:
    """Whole, with its mode, and nothing beside it."""
    Path("out.csv").write_text("old")
    Path("out.csv").chmod(0o640)
    Path("in.csv").write_text("1,2,3,4\n1,2,x,4\n")
    before = contents()
    assert rnnedge("run", "net.onnx", "in.csv", "-o", "out.csv").code == 6
    assert contents() == before and Path("out.csv").stat().st_mode & 0o777 == 0o640
