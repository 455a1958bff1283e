"""Export in fewer bits, and tuning, from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command import Command
from ticking import BUDGET, tick

from rnnedge_runtime import load


def test_export_in_int8_shows_layers_and_drift(rnnedge: Command, tmp_path: Path) -> None:
    """What became of each layer, and how far it drifts, as JSON; the test of recordings reads it as text."""
    target = tmp_path / "m.onnx"
    found = rnnedge("export", "factories:gru", "-o", target, "--precision", "int8", "--tolerance", 0.1, "--json").json
    assert load(target, trust="strict").contract.precision == "int8"
    assert found["drift"]["passed"] and found["drift"]["frames"] >= 10_000
    assert found["precision"] == "int8" and found["layers"][0]["precision"] == "int8"


def test_what_drifts_is_exit_code_4(rnnedge: Command, tmp_path: Path) -> None:
    """In one line, with the numbers; nothing is written."""
    target = tmp_path / "m.onnx"
    done = rnnedge("export", "factories:gru", "-o", target, "--precision", "int4", "--tolerance", 1e-6)
    assert done.code == 4
    assert "int4 drifts from float32: error" in done.err and "keep layers wider" in done.err
    assert not target.exists()


def test_recordings_calibrate(rnnedge: Command, tmp_path: Path) -> None:
    """From files of any kind that `run` reads; one that does not fit is exit code 6."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).standard_normal((300, 3)).astype(np.float32))
    (tmp_path / "b.csv").write_text("x,y,z\n0.1,0.2,0.3\n0.4,0.5,0.6\n")
    target = tmp_path / "m.onnx"
    options = ("--precision", "int8", "--tolerance", 0.1)
    files = ("--calibration", tmp_path / "a.npy", "--calibration", tmp_path / "b.csv")
    done = rnnedge("export", "factories:gru", "-o", target, *options, *files)
    assert done.code == 0, done.err
    assert "step form in int8" in done.out
    assert "layers in fewer bits" in done.out and "drift from float32: at most" in done.out
    assert load(target).contract.provenance["activations"] == "static, from recordings"
    np.save(tmp_path / "c.npy", np.zeros((9, 4), np.float32))
    done = rnnedge("export", "factories:gru", "-o", target, *options, "--calibration", tmp_path / "c.npy")
    assert done.code == 6
    assert "c.npy" in done.err


def test_a_layer_can_keep_its_precision(rnnedge: Command, tmp_path: Path) -> None:
    """By --layer; a bad one is a usage error or names the layers that there are."""
    target = tmp_path / "m.onnx"
    options = ("export", "factories:tagger", "-o", target, "--precision", "int8", "--tolerance", 0.5)
    assert rnnedge(*options, "--layer", "head").code == 2
    assert rnnedge(*options, "--layer", "head=int2").code == 2
    done = rnnedge(*options, "--layer", "nowhere=float32")
    assert done.code == 3
    assert "expected one of the layers" in done.err


def test_precisions_and_objectives_that_do_not_exist_are_usage_errors(rnnedge: Command, tmp_path: Path) -> None:
    """Before anything is imported or written."""
    target = tmp_path / "m.onnx"
    assert rnnedge("export", "factories:gru", "-o", target, "--precision", "int3").code == 2
    assert rnnedge("tune", "factories:gru", "-o", target, "--objective", "beauty").code == 2
    assert rnnedge("tune", "factories:gru", "-o", target, "--only", "float32,int3").code == 2
    assert not target.exists()


def test_tune_writes_the_best_and_says_why(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table has the winner, and JSON the whole evidence."""
    tick(monkeypatch)
    target = tmp_path / "best.onnx"
    done = rnnedge("tune", "factories:gru", "-o", target, "--budget", BUDGET, "--only", "float32,float16", "--json")
    assert done.code == 0, done.err
    assert done.json["winner"]["name"]
    assert done.json["trials"] and done.json["front"]
    contract = load(target, trust="strict").contract
    assert "tuning" in contract.provenance
