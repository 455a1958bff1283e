"""A learning rate is found where the loss falls, and a search goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import Epoch, SequenceData, TrainerConfig, evaluate, fit
from rnnedge.training.log import METRICS, read_log, record, tensorboard
from rnnedge.training.lr_finder import range_test
from rnnedge.training.search import JOURNAL, Choice, search
from rnnedge_runtime import InputError


def sums(seed: int) -> SequenceData:
    """The running mean of a signal of 6 frames."""
    x = np.random.default_rng(seed).standard_normal((64, 6, 1)).astype(np.float32)
    return SequenceData(tuple(x), tuple(0.3 * x.cumsum(1)))


def new() -> RecurrentNetwork:
    """Eight units."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig("gru", 1, 8, 1))


def test_the_suggested_rate_learns_and_the_limit_is_above_it() -> None:
    """Better than a hundredth of it, on the same data in as many epochs; the network that was given is unchanged."""
    config = TrainerConfig("mse", epochs=5, batch_size=8, schedule="constant")
    network = new()
    before = {name: w.clone() for name, w in network.state_dict().items()}
    found = range_test(network, sums(1), config)
    assert all(torch.equal(network.state_dict()[name], w) for name, w in before.items())
    assert 1e-4 < found.suggestion < found.limit

    def loss(rate: float) -> float:
        network = new()
        fit(network, sums(1), sums(2), TrainerConfig("mse", 5, 8, rate, schedule="constant"))
        return evaluate(network, sums(2), config).loss

    assert loss(found.suggestion) < 0.5 * loss(found.suggestion / 100)


def test_what_cannot_be_learned_has_no_rate() -> None:
    """Targets that do not depend on anything the network can change."""
    data = SequenceData((np.zeros((3, 1), np.float32),), (np.full((3, 1), 1e30, np.float32),))
    with pytest.raises(InputError, match="no learning rate from 1e-06"):
        range_test(new(), data, TrainerConfig("mse"))


def parabola(number: int, choice: Choice, progress: object) -> float:
    """Best at a learning rate of 1e-3."""
    return float(abs(np.log(choice.training["learning_rate"] / 1e-3)))


def test_a_search_finds_what_is_better_than_chance(tmp_path: Path) -> None:
    """Of 25 trials the best is near; what it chose fits a recipe."""
    found = search(parabola, tmp_path, 25)
    assert found.trials == 25 and found.loss < 0.3
    assert set(found.best.network) == {"hidden_size", "num_layers", "dropout"}


def test_a_search_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    """The trials that were done are not done again, the interrupted one does not count."""
    seen: list[float] = []

    def train(number: int, choice: Choice, progress: object) -> float:
        if len(seen) == 4:
            seen.append(0.0)
            raise KeyboardInterrupt
        seen.append(choice.training["learning_rate"])
        return parabola(number, choice, progress)

    with pytest.raises(KeyboardInterrupt):
        search(train, tmp_path, 7)
    found = search(train, tmp_path, 7)
    assert found.trials == 7 and len(seen) == 8 and len(set(seen)) == 8
    assert search(train, tmp_path, 7) == found and len(seen) == 8


def test_a_trial_that_is_worse_than_the_others_ends_early(tmp_path: Path) -> None:
    """After five trials that were good, one whose held-out loss is larger at the same epoch."""
    epochs: list[int] = []

    def train(number: int, choice: Choice, progress: object) -> float:
        for epoch in range(1, 11):
            progress(Epoch(epoch, 0.0, number + 1.0))  # type: ignore[operator]
        epochs.append(number)
        return number + 1.0

    found = search(train, tmp_path, 8)
    assert found.pruned == 3 and found.number == 0 and epochs == [0, 1, 2, 3, 4]


def test_trials_that_diverge_are_left_out(tmp_path: Path) -> None:
    """One line if none is left."""

    def train(number: int, choice: Choice, progress: object) -> float:
        raise InputError("the loss is nan")

    with pytest.raises(InputError, match="none of 3 trials"):
        search(train, tmp_path, 3)
    assert (tmp_path / JOURNAL).exists()


def test_the_log_has_a_line_an_epoch(tmp_path: Path) -> None:
    """A resumed training replaces what it does again."""
    network, data = new(), sums(1)
    result = fit(network, data, data, TrainerConfig("mse", epochs=4), progress=lambda e: record(tmp_path, e))
    record(tmp_path, result.epochs[2])
    assert read_log(tmp_path) == list(result.epochs[:3])
    lines = (tmp_path / METRICS).read_text().splitlines()
    assert [json.loads(line)["number"] for line in lines] == [1, 2, 3]
    (tmp_path / METRICS).write_text("{")
    with pytest.raises(InputError, match=METRICS):
        read_log(tmp_path)


def test_tensorboard_has_the_curves(tmp_path: Path) -> None:
    """Read back by TensorBoard's own reader."""
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with tensorboard(tmp_path) as board:
        assert board is not None
        for number in (1, 2):
            board.record(Epoch(number, 0.5 / number, 0.7 / number, {"mae": 0.1}, dead=(0.25,)))
    found = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert [e.value for e in found.Scalars("loss/validation")] == pytest.approx([0.7, 0.35])
    assert [e.step for e in found.Scalars("validation/mae")] == [1, 2]
    assert found.Scalars("dead units/layer 0")[0].value == 0.25
