"""`rnnedge run` with sinks and events, and the queue between a source and the stream."""

from __future__ import annotations

import csv
import json
import os
import shlex
import sys
import threading
import wave
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import nn

from rnnedge.cli import execute
from rnnedge.live import Buffer, Packet, open_sink
from rnnedge.live.protocol import EVENT_COLUMNS
from rnnedge_runtime import load
from rnnedge_runtime.errors import InputError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The standard output of `rnnedge run`; errors as "code: line"."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    np.save("x.npy", x)

    def call(*arguments: object) -> str:
        code = execute(["run", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert err.count("\n") <= 1
        return f"{code}: {err}" if code else out

    return call


def test_rows_have_the_time_and_number_of_their_frame(run: Callable[..., str]) -> None:
    """As JSON lines and as CSV; the values are those of the stream."""
    rows = [json.loads(line) for line in run(GOLDEN, "x.npy", "--to", "-", "--values").splitlines()]
    assert [row["frame"] for row in rows] == [*range(8)]
    assert [row["time_s"] for row in rows] == [i / 100 for i in range(8)]
    assert np.allclose([row["values"] for row in rows], load(GOLDEN).stream().push(np.load("x.npy")), atol=1e-6)
    assert run(GOLDEN, "x.npy", "--to", "y.csv") == ""
    table = Path("y.csv").read_text().splitlines()
    assert table[0] == "time_s,frame,label,score" and len(table) == 9


def test_rows_that_are_no_table_are_told_before_the_first(run: Callable[..., str]) -> None:
    """Of outputs that differ in size, whose rows came in the middle, or at the end of a day; events are a table."""
    path = Path("two.onnx")
    inner, x = nn.GRU(4, 3, batch_first=True), torch.zeros(1, 9, 4)
    quickly.export(_Outputs(inner).eval(), x, path, labels=["a", "b", "c"])
    for options in (("--to", "y.csv"), ("--values", "--to", "y.CSV"), ("--gap", "zero", "-o", "y.csv")):
        assert run(path, "x.npy", *options) == (
            "6: rnnedge: a CSV table has one kind of row, the model has outputs of several (y, y1, y2); "
            "write .jsonl instead\n"
        )
    assert not Path("y.csv").exists()
    assert run(path, "x.npy", "--to", "y.jsonl") == run(path, "x.npy", "--events", "on=0", "--to", "y.csv") == ""


class _Outputs(nn.Module):
    """Scores of labels for every frame and at the end, and a number."""

    def __init__(self, inner: nn.GRU) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(batch, time, 4) to (batch, time, 3), (batch, 3) and (batch, time, 1)."""
        y = self.inner(x)[0]
        return y, y.mean(1), y[..., :1]


@pytest.mark.parametrize("option", ["--to", "-o"])
def test_events_are_a_table_too(option: str, run: Callable[..., str]) -> None:
    """With a duration for those that have ended."""
    rows = [json.loads(line) for line in run(GOLDEN, "x.npy", "--events", "on=-10").splitlines()]
    assert run(GOLDEN, "x.npy", "--events", "on=-10", option, "events.csv") == ""
    with Path("events.csv").open(newline="") as file:
        table = [*csv.DictReader(file)]
    assert table == [{name: str(row.get(name, "")) for name in EVENT_COLUMNS} for row in rows]
    assert {row["duration_s"] for row in table} == {"", "0.07"}


def test_events_take_the_place_of_rows(run: Callable[..., str]) -> None:
    """Every label begins at the first frame and ends at the last, where a score of -10 is enough."""
    rows = [json.loads(line) for line in run(GOLDEN, "x.npy", "--events", "on=-10").splitlines()]
    labels = load(GOLDEN).contract.labels
    assert [(r["event"], r["label"], r["time_s"]) for r in rows] == [
        *(("start", label, 0.0) for label in labels),
        *(("end", label, 0.07) for label in labels),
    ]


def test_a_command_reads_the_rows(run: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are no shell's; one that is missing, fails, ends early, or reads nothing is told in a line."""
    from rnnedge.live.sinks import command

    python = shlex.quote(sys.executable)
    copy = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    assert run(GOLDEN, "x.npy", "--to", f"exec:{python} -c {shlex.quote(copy)} '$(rows);'") == ""
    assert len(Path("$(rows);").read_text().splitlines()) == 8
    monkeypatch.setattr(command, "PATIENCE_S", 0.3)

    def send(address: str) -> None:
        with closing(open_sink(address)) as sink:
            sink.send({"values": [0.5] * 50_000})

    for words, found in (
        ("", "found no command"), ("'", "cannot be started"), ("/no/such --x", "cannot be started"),
        (f"{python} -c 'raise SystemExit(3)'", "exit code 3|takes no more"),
        (f"{python} -c 'import time; time.sleep(60)'", "has read nothing|did not end"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=found):
            send(f"exec:{words}")


@pytest.mark.skipif(os.name == "nt", reason="no process groups")
def test_ctrl_c_does_not_end_the_command_of_a_sink(run: Callable[..., str]) -> None:
    """A terminal sends it to the group of a process; the command is in one of its own, and reads to the end."""
    group = "import os, sys; open('group', 'w').write(str(os.getpgrp())); sys.stdin.read()"
    assert run(GOLDEN, "x.npy", "--to", f"exec:{shlex.quote(sys.executable)} -c {shlex.quote(group)}") == ""
    assert int(Path("group").read_text()) != os.getpgrp()


def test_sound_of_another_rate_is_resampled(run: Callable[..., str], smooth: Path) -> None:
    """A click at 48 kHz is found at its time by a model of 16 kHz."""
    samples = np.zeros(9600, "<i2")
    samples[4800] = 30000
    with wave.open("click.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(samples.tobytes())
    rows = [json.loads(line) for line in run(smooth, "click.wav", "--to", "-").splitlines()]
    assert max(rows, key=lambda row: row["values"][0])["time_s"] == 0.1


@in_one_test(
    ("arguments", "line"),
    [
        (("x.npy", "--to", "odd://x"), "6: rnnedge: odd://x: expected a path"),
        (("x.npy", "--to", "y.txt"), "6: rnnedge: y.txt: expected .csv or .jsonl"),
        (("x.npy", "--to", "none/y.csv"), "6: rnnedge: none/y.csv: cannot be written"),
        (("tcp://localhost:1",), "6: rnnedge: tcp://localhost:1: cannot be opened"),
        (("none.npy", "--to", "-"), "6: rnnedge: none.npy: no such file"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(run: Callable[..., str], arguments: tuple[str, ...], line: str) -> None:
    """With its exit code."""
    assert run(GOLDEN, *arguments).startswith(line)


@in_one_test(
    ("options", "words"),
    [
        (("--events", "odd=1"), "expected on="),
        (("--events", "0.8"), "did you mean on=0.8?"),
        (("--events", "speach:on=1"), "did you mean speech?"),
        (("--full", "drop"), "did you mean drop-oldest?"),
        (("--raw", "s17le"), "expected one of u8"),
        (("-o", "y.parquet"), "expected .csv, .jsonl, .npy or .wav"),
    ],
)
def test_an_option_that_takes_no_such_value_is_a_mistake_of_usage(
    options: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, before anything is read."""
    monkeypatch.setenv("COLUMNS", "250")
    assert execute(["run", str(GOLDEN), "none.npy", *options]) == 2
    assert words in capsys.readouterr().err


def test_a_table_is_written_as_its_name_ends(run: Callable[..., str]) -> None:
    """JSON lines for .jsonl and .json, unless --format says otherwise."""
    for options, first in ((("-o", "y.json"), "{"), (("-o", "z.json", "--format", "csv"), "f"), (("-o", "y.csv"), "f")):
        run(GOLDEN, "x.npy", *options)
        assert Path(options[1]).read_text().startswith(first)


def packets(count: int) -> list[Packet]:
    """Two frames each."""
    return [Packet(np.zeros((2, 1)), 2 * i, 0.0) for i in range(count)]


@in_one_test(("full", "firsts", "dropped"), [("drop-oldest", [14, 16, 18], 14), ("drop-newest", [0, 2, 4], 14)])
def test_a_full_queue_drops_what_its_policy_says(full: str, firsts: list[int], dropped: int) -> None:
    """And counts the frames; the holes in the numbers are gaps."""
    buffer = Buffer(3, full)  # type: ignore[arg-type]
    buffer.fill(packets(10))
    assert [packet.first for packet in buffer] == firsts
    assert buffer.dropped == dropped


def test_a_queue_that_blocks_loses_nothing() -> None:
    """The source waits for the reader."""
    buffer = Buffer(1, "block")
    thread = threading.Thread(target=buffer.fill, args=(packets(50),))
    thread.start()
    assert [packet.first for packet in buffer] == [*range(0, 100, 2)]
    thread.join()


def test_what_a_source_raises_is_raised_in_the_reader() -> None:
    """After what came before it."""

    def broken() -> object:
        yield from packets(2)
        raise InputError("gone")

    buffer = Buffer(5)
    buffer.fill(broken())  # type: ignore[arg-type]
    found = iter(buffer)
    assert [next(found).first, next(found).first] == [0, 2]
    with pytest.raises(InputError, match="gone"):
        next(found)
