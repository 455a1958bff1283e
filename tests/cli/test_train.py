"""`rnnedge train` on recorded speech: from scratch, for narrow weights, and after an interruption."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from command import Command
from shares import one_in

from rnnedge.cli import execute
from rnnedge.recipes._run import STATE
from rnnedge.sources import load_source
from rnnedge.training import _trainer as trainer
from rnnedge.training import fake_quantized

pytest.importorskip("sktime")


FINE_TUNING = ("--quantize", "int4", "--epochs", "3")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network, hardly trained."""
    folder = tmp_path_factory.mktemp("speech") / "run"
    assert execute(["train", "speech", "-o", str(folder), "--hidden-size", "8", "--epochs", "2"]) == 0
    return folder


@pytest.fixture(scope="module")
def uninterrupted(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`run` fine-tuned for three epochs, in one go."""
    folder = tmp_path_factory.mktemp("speech") / "whole"
    assert execute(["train", "speech", "--from", str(run), *FINE_TUNING, "-o", str(folder)]) == 0
    return folder


def interrupted_at(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the `call`-th evaluation: 1 is that of the start, the others end an epoch each."""
    calls = 0
    evaluate = trainer.evaluate

    def stop(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt
        return evaluate(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "evaluate", stop)


def test_a_network_is_fine_tuned_for_narrow_weights(run: Path, rnnedge: Command, tmp_path: Path) -> None:
    """The new folder is a run like any other, says what it was made for, holds numbers on the grid, and exports."""
    folder = tmp_path / "int4"
    done = rnnedge("train", "speech", "--from", run, "--quantize", "int4", "-o", folder, "--epochs", 2, "--json")
    assert done.code == 0 and done.json["quantized_for"] == "int4" and done.json["epochs"] == 2
    fields = json.loads((folder / "config.json").read_text())
    assert fields["run"]["quantized_for"] == "int4"
    assert fields["run"]["metrics"]["test_accuracy"] == done.json["test_accuracy"]
    left = ["config.json", "confusion.csv", "metrics.jsonl", "training.html", fields["weights"]["file"]]
    assert sorted(path.name for path in folder.iterdir()) == left
    source = load_source(str(folder))
    rounded = fake_quantized(source.module, "int4")
    for name, w in source.module.named_parameters():
        torch.testing.assert_close(w, rounded[name], rtol=2e-7, atol=0)
    done = rnnedge("export", folder, "-o", tmp_path / "speech.onnx", "--precision", "int4", "--json")
    assert done.code == 0, done.err


def test_the_sentence_says_what_fine_tuning_gave(run: Path, rnnedge: Command, tmp_path: Path) -> None:
    """Accuracy in int4, and before."""
    done = rnnedge("train", "speech", "--from", run, "--quantize", "int4", "-o", tmp_path / "int4", "--epochs", 1)
    assert "% in int4, accuracy " in done.out and "% before fine-tuning, best of 1 epochs: " in done.out


@pytest.mark.parametrize("call", one_in(2, [2, 3]))
def test_an_interrupted_run_goes_on(
    call: int,
    run: Path,
    uninterrupted: Path,
    rnnedge: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It leaves a run that can be used; with --resume the same file of weights as without an interruption."""
    command = ["train", "speech", "--from", run, *FINE_TUNING, "-o"]
    folder = tmp_path / "int4"
    with monkeypatch.context() as patch:
        interrupted_at(call, patch)
        with pytest.raises(KeyboardInterrupt):
            rnnedge(*command, folder)
    assert "the same command with --resume goes on" in capsys.readouterr().err
    assert (folder / STATE).exists()
    load_source(str(folder))
    assert rnnedge(*command, folder, "--resume").code == 0
    assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in uninterrupted.iterdir())


def test_training_from_scratch_goes_on(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As fine-tuning does; with other options it is refused, in one line that names what differs."""
    command = ["train", "speech", "--hidden-size", 8, "--epochs", 3, "-o"]
    with monkeypatch.context() as patch:
        interrupted_at(3, patch)
        with pytest.raises(KeyboardInterrupt):
            rnnedge(*command, tmp_path / "run")
    other = rnnedge(*command, tmp_path / "run", "--resume", "--seed", 1)
    assert other.code == 6 and "belongs to another training: expected 1 as its seed, found 0" in other.err
    assert rnnedge(*command, tmp_path / "run", "--resume").code == 0
    assert rnnedge(*command, tmp_path / "whole").code == 0
    names = [sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("run", "whole")]
    assert names[0] == names[1] and len(names[0]) == 5
