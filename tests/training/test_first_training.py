"""The first training of a newcomer: few recordings, no numbers given; it learns, or says that it did not."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from rnnedge.data import DataConfig
from rnnedge.data._config import SplitConfig
from rnnedge.data._recording import Recording
from rnnedge.data._split import split
from rnnedge.recipes import Recipe, Run, train_recipe
from rnnedge.report.training_page import PAGE, TABLE
from rnnedge.training import SequenceData, TrainerConfig
from rnnedge.training._defaults import settled

LABELS = ("high", "low", "mid")


def recordings(folder: Path) -> None:
    """42 recordings of three classes, which differ by frequency."""
    rng, t = np.random.default_rng(0), np.arange(40) / 50
    with (folder / "tones.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "t", "x", "y", "pitch"])
        for number in range(42):
            angle = 2 * np.pi * (9, 2, 5)[number % 3] * t + rng.uniform(0, 6)
            x, y = (wave(angle) + 0.1 * rng.standard_normal(40) for wave in (np.sin, np.cos))
            rows.writerows([number, f"{s:.3f}", a, b, LABELS[number % 3]] for s, a, b in zip(t, x, y, strict=True))


def trained(folder: Path, **training: object) -> Run:
    """By a recipe that says nothing but what is in `training`."""
    recordings(folder)
    data = {"path": "tones.csv", "task": "class_per_sequence", "target": ["pitch"], "sequence": "id", "time": "t"}
    config = TrainerConfig(**training)  # type: ignore[arg-type]
    recipe = Recipe("", data, {"cell": "gru", "hidden_size": 16}, config, folder / "tones.toml")
    return train_recipe(recipe, folder / "run")


@pytest.mark.slow
def test_few_recordings_are_learned_without_numbers(tmp_path: Path) -> None:
    """All of the test data right, and the page and the table of it are in the run."""
    run = trained(tmp_path, epochs=12)
    assert run.metrics["test_accuracy"] == 1 and run.guess == {"accuracy": pytest.approx(1 / 3)}
    assert not [remark for remark in run.remarks if "guess" in remark]
    assert (tmp_path / "run" / TABLE).read_text() == "is,high,low,mid\nhigh,2,0,0\nlow,0,2,0\nmid,0,0,2\n"
    page = (tmp_path / "run" / PAGE).read_text()
    assert page.count("<polyline") == 2 and "guessing gives accuracy 33.3%" in page


def test_a_network_that_learned_nothing_is_told_so(tmp_path: Path) -> None:
    """With what to do."""
    run = trained(tmp_path, epochs=1, learning_rate=1e-6)
    assert len(run.remarks) == 1 and "no better than guessing, it had only 10 updates" in run.remarks[0]
    assert "training.epochs = 3" in run.remarks[0] and "--range-test" in run.remarks[0]


def sequences(count: int, frames: int = 10) -> SequenceData:
    """Zeros."""
    return SequenceData((np.zeros((frames, 1), np.float32),) * count, (0,) * count)


@pytest.mark.parametrize(
    ("count", "given", "batch", "epochs"),
    [(30, {}, 3, 60), (5, {}, 1, 120), (5000, {}, 32, 60), (1, {}, 1, 600), (1, {"k1": 2}, 1, 120),
     (30, {"epochs": 7, "batch_size": 16}, 16, 7)],
)  # fmt: skip
def test_what_is_not_given_counts_updates(count: int, given: dict[str, int], batch: int, epochs: int) -> None:
    """600 updates at least, of batches of 32 at most; what is given stays."""
    found = settled(TrainerConfig(**given), sequences(count))  # type: ignore[arg-type]
    assert (found.batch_size, found.epochs) == (batch, epochs)


def test_groups_are_drawn_until_every_class_is_in_every_part() -> None:
    """Of twelve groups of one class each, four a class, for any seed."""
    made = [Recording(f"{i}", np.zeros((2, 1), np.float32), "abc"[i % 3], f"g{i}") for i in range(12)]
    for seed in range(10):
        how = SplitConfig(0.25, 0.25, "group", seed)
        parts = split(
            made, DataConfig("x.csv", "class_per_sequence", target=("y",), sequence="id", group="g", split=how)
        )
        assert [{r.target for r in part} for part in parts] == [{"a", "b", "c"}] * 3
