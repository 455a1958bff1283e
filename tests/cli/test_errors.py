"""Bad input: one line that names place, expected, found and remedy; the right exit code; nothing half-written."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from bombs import BOMBS
from command import Command
from in_one_test import in_one_test

from rnnedge import cli
from rnnedge_runtime import load


def files(folder: Path) -> set[str]:
    """Names in a folder."""
    return {path.name for path in folder.iterdir()}


@in_one_test(
    ("arguments", "code", "words"),
    [
        (["export", "factories:backwards", "-o", "m.onnx"], 3, "bidirectional"),
        (["export", "factories:gru", "-o", "none/m.onnx"], 6, "folder none does not exist"),
        (["export", "factories:gru", "-o", "m.onnx", "--form", "rolled"], 2, "native, scan, unrolled, step"),
        (["export", "factories:gru", "-o", "m.onnx", "--chunk", "4"], 2, "--chunk"),
        (["export", "factories:gru", "-o", "m.onnx", "--opset", "7"], 2, "18 to 22"),
        (["export", "factories:fails", "-o", "m.onnx"], 3, "ZeroDivisionError: of mine"),
        (["export", "factories:number", "-o", "m.onnx"], 3, "expected a torch.nn.Module"),
        (["export", "factories:missing", "-o", "m.onnx"], 3, "has no 'missing'; it has .*gru"),
        (["export", "nothing.here:build", "-o", "m.onnx"], 3, "cannot import 'nothing'"),
        (["export", "nonsense", "-o", "m.onnx"], 3, "package.module:factory"),
        (["export", "factories:gruu", "-o", "m.onnx"], 3, "did you mean gru"),
        (["export", "factories:gru", "-o", "m.onnx", "--precision", "fp16"], 2, "did you mean float16"),
        (["export", "factories:gru", "-o", "m.onnx", "--form", "unroled"], 2, "did you mean unrolled"),
        (["export", "factories:gru", "-o", "m.onnx", "--layer", "head=half"], 2, "did you mean float16"),
        (["tune", "factories:gru", "-o", "m.onnx", "--only", "int8,f16"], 2, "did you mean float16"),
        (["verify", "{file}", "--provider", "gpu"], 2, "did you mean cuda"),
        (["compile", "{file}", "-o", "out", "--target", "arm64"], 2, "did you mean aarch64-linux"),
        (["export", "factories:gru", "-o", "m.onnx", "--input-size", "5"], 3, "tried .*5"),
        (["export", "factories:gru"], 2, "--output"),
        (["verify", "missing.onnx"], 3, "missing.onnx: cannot be read"),
        (["verify", "noise.onnx"], 3, "noise.onnx: "),
        (["verify", "{file}", "--against", "factories:tagger"], 4, "does not compute what factories:tagger computes"),
        (["verify", "cut.onnx"], 3, "cut.onnx: "),
        (["run", "{file}", "missing.csv"], 6, "no such file"),
        (["run", "{file}", "wide.npy"], 6, r"expected shape \(time, 3\), found \(4, 5\)"),
        (["run", "{file}", "ints.npy"], 6, "expected float32, found int64"),
        (["run", "{file}", "empty.npy"], 6, "expected at least one frame"),
        (["run", "{file}", "nan.csv"], 6, "frame 1, feature 2"),
        (["run", "{file}", "short.csv"], 6, "row 2: expected 3 numbers"),
        (["run", "{file}", "words.csv"], 6, "row 2, column 3: expected a number, found 'x'"),
        (["run", "{file}", "noise.wav"], 6, "not a WAV file"),
        (["run", "{file}", "photo.png"], 6, r"expected a table, an array or sound \(.csv, .*\), found .png"),
        (["run", "{file}", "good.csv", "--provider", "cuda"], 7, "cuda"),
        (["run", "{file}", "good.csv", "--format", "xml"], 2, "expected one of csv, jsonl"),
        (["run", "{file}", "good.csv", "--non-finite", "pass"], 2, "expected one of reject, hold, zero, reset"),
        (["run", "{file}", "good.csv", "--provider-option", "cuda=1"], 2, "PROVIDER.KEY=VALUE"),
        (["run", "{file}", "good.csv", "--provider-option", "cuda.a=1"], 7, "expected those of cpu"),
        (["bench", "missing.onnx"], 3, "cannot be read"),
        (["bench", "{file}", "--html", "none/r.html"], 6, "does not exist"),
        (["train", "singing", "-o", "run"], 2, "expected one of speech"),
        (["train", "speech", "-o", "good.csv"], 6, "a file is in the way"),
        (["train", "speech", "-o", ".", "--quantize", "int4"], 2, "expected a trained network, by --from"),
        (["train", "speech", "-o", ".", "--quantize", "int2", "--from", "none"], 2, "expected one of int8, int4"),
        (["train", "speech", "-o", ".", "--from", "none"], 2, "expected what to fine-tune for"),
        (["train", "speech", "-o", ".", "--quantize", "int4", "--from", "."], 2, "expected another folder"),
        (["train", "speech", "-o", ".", "--quantize", "int4", "--from", "none", "--cell", "gru"], 2, "has its own"),
        (["train", "speech", "-o", ".", "--quantize", "int4", "--from", "none"], 3, "cannot be read"),
        (["train", "speech", "-o", ".", "--resume"], 6, "expected an interrupted training, found none"),
        (["dance"], 2, "dance"),
    ],
)
def test_a_mistake_is_named_in_one_line(
    arguments: list[str],
    code: int,
    words: str,
    rnnedge: Command,
    gru_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The exit code of DESIGN.md, one line on stderr, no traceback, no new file."""
    monkeypatch.chdir(tmp_path)
    np.save("wide.npy", np.zeros((4, 5), np.float32))
    np.save("ints.npy", np.zeros((4, 3), np.int64))
    np.save("empty.npy", np.zeros((0, 3), np.float32))
    Path("nan.csv").write_text("1,2,3\n4,5,nan\n")
    Path("short.csv").write_text("1,2,3\n4,5\n")
    Path("words.csv").write_text("1,2,3\n4,5,x\n")
    Path("good.csv").write_text("1,2,3\n")
    for name in ("noise.onnx", "noise.wav", "photo.png"):
        Path(name).write_bytes(bytes(range(256)))
    Path("cut.onnx").write_bytes(gru_file.read_bytes()[:-100])
    before = files(tmp_path)
    done = rnnedge(*(a.format(file=gru_file) for a in arguments))
    assert done.code == code, done.err
    assert re.search(words, " ".join(re.sub(r"[│╭╰─╮╯]", " ", done.err).split())), done.err
    assert "Traceback" not in done.err
    if code != 2:
        assert done.err.strip().splitlines()[-1].startswith("rnnedge: ")
    assert files(tmp_path) == before


def test_a_changed_weight_fails_verification(rnnedge: Command, gru_file: Path, tmp_path: Path) -> None:
    """A file of other weights, sealed again, exits 4 against its source."""
    target = tmp_path / "m.onnx"
    rnnedge("export", "factories:tagger", "-o", target)
    (tmp_path / "other.py").write_text(
        "import torch\nfrom factories import tagger\n"
        "def build():\n    module, x = tagger()\n    module[0].bias.data += 0.01\n    return module, x\n"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        done = rnnedge("verify", target, "--against", "other:build")
    finally:
        sys.path.remove(str(tmp_path))
    assert done.code == 4
    assert "does not compute what other:build computes: parity" in done.err
    assert "its weights are not those that the file was made of" in done.err


def test_an_unexpected_error_is_one_line_and_code_1(rnnedge: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours says so, and how to see it."""
    import rnnedge_runtime

    def defect(*_: object, **__: object) -> None:
        raise LookupError("inside")

    monkeypatch.setattr(rnnedge_runtime, "load", defect)
    done = rnnedge("verify", "x.onnx")
    assert done.code == 1
    assert "internal error: LookupError: inside" in done.err and "--debug" in done.err


def test_bytes_that_are_no_text_are_named(rnnedge: Command, gru_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard input as in a file: the row and the column, in a terminal of any encoding."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"1,2,3\n4,\xff,6\n"), "utf-8", "strict"))
    done = rnnedge("run", gru_file, "-")
    assert done.code == 6
    assert "standard input, row 2, column 2: expected a number" in done.err


def start(*arguments: object, **options: object) -> subprocess.Popen[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "rnnedge", *map(str, arguments)]
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, env=environment, **{**pipes, **options})  # type: ignore[call-overload]


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the one line, which stays; without it there is none."""
    assert cli.execute(["verify", "missing.onnx"], debug=True) == 3
    told, line = capsys.readouterr().err.split("rnnedge: ")
    assert "Traceback" in told and "ModelRefused" in told and line.startswith("missing.onnx: cannot be read")
    cli.execute(["verify", "missing.onnx"])
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_may_stand_anywhere_in_the_line(place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no argument of the verb."""
    line, seen = ["verify", "missing.onnx"], []
    monkeypatch.setattr(sys, "argv", ["rnnedge", *line[:place], "--debug", *line[place:]])
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(cli, "prepare", lambda: None)
    monkeypatch.setattr(cli, "Interruption", Mock)
    monkeypatch.setattr(cli, "execute", lambda arguments, debug: seen.append((arguments, debug)))
    with pytest.raises(SystemExit):
        cli.main()
    assert seen == [(line, True)]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes started here hear SIGINT even if the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_keeps_what_was_finished(number: signal.Signals, code: int, gru_file: Path, tmp_path: Path):
    """A run that is stopped while it waits for input leaves the predictions so far, whole."""
    target = tmp_path / "out.csv"
    with start("run", gru_file, "-", "-o", target) as process:
        assert process.stdin is not None
        process.stdin.write("1,2,3\n4,5,6\n")
        process.stdin.flush()
        partial = _wait_for_rows(tmp_path, 3)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (code, "rnnedge: interrupted")
    assert target.read_text() == partial
    assert files(tmp_path) == {"out.csv"}


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_without_an_end_is_interrupted_too(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Python hears no signal while a graph runs, and this one runs for ever; the old file stays."""
    (tmp_path / "loop.onnx").write_bytes(BOMBS["endless loop"]())
    width = load(tmp_path / "loop.onnx", trust="local").contract.inputs[0].frame_shape[0]
    (tmp_path / "out.csv").write_text("old\n")
    line = ["run", tmp_path / "loop.onnx", "-", "-o", tmp_path / "out.csv", "--trust", "local"]
    with start(*line) as process:
        assert process.stdin is not None
        process.stdin.write(",".join(["0"] * int(width)) + "\n")
        process.stdin.flush()
        busy = _cpu_seconds(process.pid)
        while _cpu_seconds(process.pid) < busy + 1.5:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err.strip()) == (code, "rnnedge: interrupted")
    assert files(tmp_path) == {"loop.onnx", "out.csv"}


def _cpu_seconds(pid: int) -> float:
    """What a process has used: starting takes less than a second of it, so more is the loop."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _wait_for_rows(folder: Path, rows: int) -> str:
    """The text of the one temporary file in `folder`, as soon as it has so many lines."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        texts = [path.read_text() for path in folder.iterdir()]
        if texts and texts[0].count("\n") >= rows:
            return texts[0]
        time.sleep(0.05)
    raise AssertionError("no rows were written in a minute")


def test_a_reader_that_leaves_ends_the_run_quietly(gru_file: Path) -> None:
    """`rnnedge run ... | head -1` ends without a complaint."""
    with start("run", gru_file, "-") as process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write("1,2,3\n")
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.write("1,2,3\n" * 10)
        process.stdin.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0
