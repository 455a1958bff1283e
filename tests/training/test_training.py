"""Training learns, is repeatable, and leaves a whole checkpoint or the older one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnedge.explain._from_module import record_module
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import (
    Epoch,
    RunInfo,
    SequenceData,
    TrainerConfig,
    evaluate,
    fit,
    load_checkpoint,
    save_checkpoint,
)
from rnnedge.training.lr_finder import range_test
from rnnedge_runtime import InputError, ModelRefused


def signs(count: int, seed: int) -> SequenceData:
    """Is the sum of the sequence positive? Lengths 3 to 9."""
    rng = np.random.default_rng(seed)
    frames = tuple(rng.standard_normal((int(rng.integers(3, 10)), 2)).astype(np.float32) for _ in range(count))
    return SequenceData(frames, tuple(int(f.sum() > 0) for f in frames), ("no", "yes"))


def new(output: str = "frames", outputs: int = 2) -> RecurrentNetwork:
    """A fresh seeded network of 2 features."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig("gru", 2, 8, outputs, output=output))


CONFIG = TrainerConfig(epochs=8, batch_size=16, learning_rate=1e-2)


@pytest.mark.parametrize("output", ["frames", "last"])
def test_a_class_per_sequence_is_learned(output: str) -> None:
    """From chance to above 90 % on held-out sequences, whichever output the network has."""
    network, held_out = new(output), signs(200, 2)
    before = evaluate(network, held_out, CONFIG).accuracy
    fit(network, signs(300, 1), held_out, CONFIG)
    after = evaluate(network, held_out, CONFIG).accuracy
    assert before is not None and before < 0.75
    assert after is not None and after > 0.9


def test_values_per_frame_are_learned() -> None:
    """Mean squared error: the running sum of a signal."""

    def sums(seed: int) -> SequenceData:
        rng = np.random.default_rng(seed)
        x = [rng.standard_normal((8, 2)).astype(np.float32) for _ in range(200)]
        return SequenceData(tuple(x), tuple(f.sum(1, keepdims=True).cumsum(0) * 0.1 for f in x))

    config = TrainerConfig(loss="mse", epochs=8, batch_size=16, learning_rate=1e-2)
    network = new(outputs=1)
    before = evaluate(network, sums(2), config).loss
    result = fit(network, sums(1), sums(2), config)
    after = evaluate(network, sums(2), config)
    assert after.loss < 0.2 * before
    assert set(after.metrics) == set(result.epochs[-1].metrics) == {"mae"}


@pytest.mark.parametrize(("size", "batch", "threads"), [(8, 16, 1), (256, 16, 1), (256, 64, 3)])
def test_a_small_network_is_trained_on_one_thread(size: int, batch: int, threads: int) -> None:
    """Where products are too small to be shared out; with as many as there were before, at most, and after."""
    network = RecurrentNetwork(NetworkConfig("gru", 2, size, 2, output="frames"))
    found = set()

    def seen(x: torch.Tensor, _: torch.Generator) -> torch.Tensor:
        found.add(torch.get_num_threads())
        return x

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        fit(network, signs(2, 1), signs(2, 2), TrainerConfig(epochs=1, batch_size=batch), augment=seen)
        assert (found, torch.get_num_threads()) == ({threads}, 3)
    finally:
        torch.set_num_threads(before)


def test_whatever_runs_a_small_network_uses_one_thread() -> None:
    """What judges it, what finds its learning rate, and what explains it; each leaves the number as it was."""
    network, found = new(), set()
    for part in network.modules():
        part.register_forward_hook(lambda *_: found.add(torch.get_num_threads()))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        for run in (
            lambda: evaluate(network, signs(20, 2), CONFIG),
            lambda: range_test(network, signs(300, 1), CONFIG, 80),
            lambda: record_module(network, signs(1, 1).frames[0]),
        ):
            found.clear()
            run()
            assert (found, torch.get_num_threads()) == ({1}, 3)
    finally:
        torch.set_num_threads(before)


def test_the_same_seed_gives_the_same_network() -> None:
    """Weights equal to the bit after two trainings."""
    one, two = new(), new()
    for network in (one, two):
        fit(network, signs(60, 1), signs(20, 2), TrainerConfig(epochs=2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_padding_does_not_change_what_a_sequence_gives() -> None:
    """Judged by its last frame, a batch of different lengths and the sequences alone give the same loss."""
    network, data = new(), signs(7, 3)
    together = evaluate(network, data, TrainerConfig(batch_size=7, first_frame=100))
    alone = evaluate(network, data, TrainerConfig(batch_size=1, first_frame=100))
    assert together.loss == pytest.approx(alone.loss, abs=1e-6) and together.accuracy == alone.accuracy


def test_an_interruption_keeps_the_best_so_far() -> None:
    """Ctrl-C ends training with the weights of the best epoch."""

    def stop(epoch: Epoch) -> None:
        if epoch.number == 3:
            raise KeyboardInterrupt

    network = new()
    result = fit(network, signs(60, 1), signs(20, 2), CONFIG, progress=stop)
    assert result.interrupted and len(result.epochs) == 3
    assert evaluate(network, signs(20, 2), CONFIG).loss == pytest.approx(min(e.validation_loss for e in result.epochs))


def test_a_loss_that_is_not_finite_ends_training() -> None:
    """The message names the learning rate."""
    huge = SequenceData((np.zeros((3, 2), np.float32),), (np.full((3, 1), 1e30, np.float32),))
    with pytest.raises(
        InputError, match=r"epoch 1, step 1: the loss is inf, the norm of its gradient .*; lower the learning rate"
    ):
        fit(new(outputs=1), huge, huge, TrainerConfig(loss="mse", epochs=1))


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (np.zeros((0, 2), np.float32), "at least one frame"),
        (np.zeros((3, 3), np.float32), r"sequence 1: expected float32 \(time, 2\)"),
        (np.zeros((3, 2)), "float64"),
        (np.full((3, 2), np.nan, np.float32), "sequence 1, frame 0, feature 0: expected a finite number"),
    ],
)
def test_a_sequence_that_does_not_fit_is_named(frames: np.ndarray, words: str) -> None:
    """Which sequence, what was expected, what was found."""
    with pytest.raises(InputError, match=words):
        SequenceData((np.zeros((3, 2), np.float32), frames), (0, 1))


def test_a_checkpoint_brings_back_the_network(tmp_path: Path) -> None:
    """Weights, config and what the run knows; saving again replaces, and leaves no other file."""
    network = new().eval()
    info = RunInfo("signs", ("no", "yes"), 100.0, {"test_accuracy": 0.5})
    save_checkpoint(tmp_path / "run", network, info)
    with torch.no_grad():
        network.head.bias += 1
    save_checkpoint(tmp_path / "run", network, info)
    loaded, found = load_checkpoint(tmp_path / "run")
    assert found == info
    assert loaded.config == network.config
    assert all(torch.equal(a, b) for a, b in zip(loaded.parameters(), network.parameters(), strict=True))
    assert len(list((tmp_path / "run").iterdir())) == 2


@pytest.mark.parametrize("damage", ["missing", "cut", "swapped", "config"])
def test_a_damaged_checkpoint_is_refused(damage: str, tmp_path: Path) -> None:
    """ModelRefused names the file and what is wrong with it."""
    save_checkpoint(tmp_path, new(), RunInfo())
    weights = next(tmp_path.glob("weights-*"))
    config = tmp_path / "config.json"
    if damage == "missing":
        weights.unlink()
    elif damage == "cut":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "swapped":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    else:
        fields = json.loads(config.read_text())
        fields["network"]["hidden_size"] = 9
        config.write_text(json.dumps(fields))
    with pytest.raises(ModelRefused, match=str(tmp_path)):
        load_checkpoint(tmp_path)


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="a file is in the way"):
        save_checkpoint(tmp_path / "run", new(), RunInfo())


@pytest.mark.long
# What the compiler of torch warns of is its own affair.
@pytest.mark.filterwarnings("ignore")
def test_a_compiled_network_learns_the_same() -> None:
    """`compile` changes how fast an epoch is, not what it learns."""
    trained = []
    for compiled in (False, True):
        network = new()
        fit(network, signs(60, 1), signs(20, 2), replace(CONFIG, epochs=2, compile=compiled))
        trained.append(network.state_dict())
    for name, plain in trained[0].items():
        torch.testing.assert_close(trained[1][name], plain, rtol=1e-4, atol=1e-5)
