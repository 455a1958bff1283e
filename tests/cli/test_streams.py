"""What the standard streams are is the caller's affair: one line at most, the right exit code, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command
from hostile import check_inert, hostile
from shares import one_in

from rnnedge.cli import execute
from rnnedge_runtime import load

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
OUTPUT_IS_FULL = "standard output: cannot be read or written (No space left on device)"
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of the shell, in which $R is the command line, started as a supervisor does."""
    command = f"R='{sys.executable} -m rnnedge'; {line}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=120,
        env={**os.environ, **environment},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model, frames for it, and a model whose labels no small encoding has."""
    (tmp_path / "net.onnx").write_bytes(GOLDEN.read_bytes())
    (tmp_path / "in.csv").write_text("1,2,3,4\n" * 3)
    (tmp_path / "wide.onnx").write_bytes(hostile(names=False, labels=["日本", "\ud800", "é"], precision="float32"))
    return tmp_path


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("$R run net.onnx in.csv", 0, ""),
        ("$R run net.onnx in.csv >&-", 6, "standard output: cannot be read or written (it is closed)"),
        ("$R run net.onnx in.csv -o out.csv >&- <&-", 0, ""),
        ("$R run net.onnx - <&-", 6, "standard input: cannot be read (it is closed)"),
        ("$R run net.onnx in.csv 2>&-", 0, ""),
        ("$R run net.onnx none.csv 2>&-", 6, ""),
        ("$R run net.onnx in.csv <&- >&- 2>&-", 6, ""),
        ("$R inspect net.onnx >&-", 6, "it is closed"),
        ("$R --version >&-", 6, "it is closed"),
        ("$R inspect net.onnx | head -1", 0, ""),
        ("$R --help | true", 0, ""),
        pytest.param("$R run net.onnx in.csv > /dev/full", 6, OUTPUT_IS_FULL, marks=FULL),
        pytest.param("$R inspect net.onnx > /dev/full", 6, OUTPUT_IS_FULL, marks=FULL),
        pytest.param("$R --version > /dev/full", 6, OUTPUT_IS_FULL, marks=FULL),
        pytest.param("$R run net.onnx in.csv -o /dev/full", 6, "/dev/full: cannot be written", marks=FULL),
        pytest.param("$R run net.onnx none.csv 2> /dev/full", 6, "", marks=FULL),
        pytest.param("$R dance 2> /dev/full", 2, "", marks=FULL),
        ("ulimit -f 1; $R package net.onnx --for ort -o p", 6, "temporary files cannot be written there"),
        ("ulimit -n 5; $R run net.onnx in.csv", 6, "open files"),
    ],
)  # fmt: skip
def test_every_state_of_the_streams_has_its_code(line: str, code: int, words: str, folder: Path) -> None:
    """Closed, full, read by nobody any more, and without a free descriptor."""
    done = shell(line, folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr and done.stderr.count("\n") == bool(words), done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr
    if "-o out.csv" in line:
        assert (folder / "out.csv").read_text().count("\n") == 4


@pytest.mark.parametrize("encoding", one_in(3, ["ascii", "latin-1", "utf-8", "utf-8:strict"]))
def test_letters_that_a_stream_lacks_are_escaped(encoding: str, folder: Path) -> None:
    """Of labels and of names of files, on both streams, and halves of characters in any encoding."""
    for line in ("$R run wide.onnx in.csv", "$R inspect wide.onnx", "$R run wide.onnx 日本.csv"):
        done = shell(line, folder, PYTHONIOENCODING=encoding, PYTHONUTF8="0", LC_ALL="C")
        assert done.returncode == (6 if "日本.csv" in line else 0), done.stderr
        assert "Traceback" not in done.stderr and "defect" not in done.stderr
    assert load(folder / "wide.onnx").contract.labels[1] == "\ud800"


@pytest.mark.parametrize("files", [6, 8, 11])
def test_a_process_without_descriptors_says_so(files: int, folder: Path) -> None:
    """From the first import to the first child process; with as many as it needs, it works."""
    done = shell(f"ulimit -n {files}; $R run net.onnx in.csv", folder)
    assert done.returncode in (0, 3, 6), done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr
    assert done.returncode == 0 or ("open files" in done.stderr and done.stderr.count("\n") == 1)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 6, "more memory than there is"),
        (OSError(24, "Too many open files", "net.onnx"), 6, "too many open files"),
        (ImportError("libonnx.so: cannot open shared object file: Too many open files"), 6, "too many open files"),
        (OSError(28, "No space left on device", "x.bin"), 6, "x.bin: cannot be read or written (No space left"),
        (LookupError("\x1b[2Jinside\n\u202e"), 1, "internal error: LookupError: \\x1b[2Jinside \\u202e"),
    ],
)
def test_what_a_machine_lacks_is_no_defect(
    error: Exception, code: int, words: str, rnnedge: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory, descriptors, space on a disk; what is one is told in a line of letters."""

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("rnnedge_runtime.load", fails)
    done = rnnedge("verify", "net.onnx")
    assert done.code == code and words in done.err and done.err.count("\n") == 1
    assert ("defect" in done.err) == (code == 1)


def test_a_traceback_is_inert_too(rnnedge: Command, capsys: pytest.CaptureFixture[str]) -> None:
    """`--debug` shows it, with the same exit code; what a file says in it moves no cursor."""
    assert execute(["verify", "no\x1b[2J.onnx"], debug=True) == 3
    err = capsys.readouterr().err
    assert "Traceback" in err and "ModelRefused" in err and err.splitlines()[-1].startswith("rnnedge: ")
    check_inert(err)
