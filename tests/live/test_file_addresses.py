"""Files by an address, and files whose names look like one: none is lost, and none is taken for something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.cli import execute
from rnnedge.live.protocol import parse_address

GOLDEN = str(Path(__file__).parents[1] / "data" / "golden_gru.onnx")
ROW = "0.25,0.5,0.75,1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test runs, with a recording."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text(ROW * 9)
    return tmp_path


@in_one_test("text", ["file:in.csv", "FILE:in.csv", "file://{folder}/in.csv"])
def test_a_file_may_have_an_address(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Read at once or as if it were live."""
    address = text.format(folder=folder)
    assert parse_address(address).path.endswith("in.csv") and ":" not in parse_address(address).path
    capsys.readouterr()
    assert execute(["run", GOLDEN, "in.csv"]) == 0
    expected = capsys.readouterr().out
    assert execute(["run", GOLDEN, address]) == 0
    assert capsys.readouterr().out == expected
    assert execute(["run", GOLDEN, address, "--to", "-"]) == 0


@in_one_test(
    "arguments",
    ["in.csv --to file:in.csv", "in.csv --to FILE:in.csv", "file:in.csv -o in.csv", "file:in.csv --to in.csv",
     "in.csv --to y.csv -o in.csv", "file:in.csv --to file:./in.csv"],
)  # fmt: skip
def test_what_is_read_is_never_written_over(arguments: str, folder: Path) -> None:
    """However the two name it."""
    assert execute(["run", GOLDEN, *arguments.split()]) == 2
    assert (folder / "in.csv").read_text() == ROW * 9


def test_an_output_is_a_file_whatever_its_name_looks_like(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With events too; a source or a sink of such a name is told how."""
    for name, more in (("ab:y.csv", ()), ("tcp:y.jsonl", ("--events", "on=0"))):
        assert execute(["run", GOLDEN, "in.csv", "-o", name, *more]) == 0
        assert (folder / name).is_file()
    capsys.readouterr()
    for arguments in (["ab:y.csv"], ["in.csv", "--to", "ab:y.csv"]):
        assert execute(["run", GOLDEN, *arguments]) == 6
        assert "a file of that name is ./ab:y.csv" in capsys.readouterr().err
    np.save("ab:x.npy", np.zeros((2, 4), np.float32))
    assert execute(["run", GOLDEN, "./ab:x.npy"]) == 0
