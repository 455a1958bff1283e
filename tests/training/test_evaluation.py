"""A network is judged as it will run, and training says what it sees: metrics, dead units, gradients, when to stop."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torchmetrics

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, evaluate, fit
from rnnedge.training._evaluation import PIECE_FRAMES
from rnnedge_runtime import InputError

LONG = 2 * PIECE_FRAMES + 7


def new(cell: str = "gru", outputs: int = 3, **options: Any) -> RecurrentNetwork:
    """Two features, eight units."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig(cell, 2, 8, outputs, **options))


def labelled(seed: int, classes: int = 3, frames: int = LONG) -> SequenceData:
    """Noise with a class per frame."""
    rng = np.random.default_rng(seed)
    x = tuple(rng.standard_normal((frames - i, 2)).astype(np.float32) for i in range(5))
    return SequenceData(x, tuple(rng.integers(0, classes, len(f)) for f in x))


@pytest.mark.parametrize("options", [{}, {"attention": {"window": 9, "heads": 2}}, {"connection": "highway"}])
def test_streamed_in_pieces_the_loss_is_that_of_whole_sequences(options: dict[str, Any]) -> None:
    """Against one pass of each sequence through PyTorch."""
    from rnnedge.nn._attention import Attention

    fields = {k: Attention(**v) if k == "attention" else v for k, v in options.items()}
    network, data = new(**fields), labelled(1)
    with torch.no_grad():
        y = torch.cat([network.eval()(torch.from_numpy(x[None]))[0][0] for x in data.frames])
    target = torch.from_numpy(np.concatenate(data.targets))
    expected = torch.nn.functional.cross_entropy(y, target)
    found = evaluate(network, data, TrainerConfig(batch_size=2))
    assert found.loss == pytest.approx(float(expected), rel=1e-5)
    assert found.accuracy == pytest.approx(float((y.argmax(-1) == target).float().mean()))


def test_a_state_that_carries_nothing_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that forgets between pieces is judged otherwise: that is what streaming the validation is for."""
    network, data = new(), labelled(1)
    right = evaluate(network, data, TrainerConfig()).loss
    whole = RecurrentNetwork.hidden
    monkeypatch.setattr(RecurrentNetwork, "hidden", lambda self, x, state=None: whole(self, x, None))
    assert evaluate(network, data, TrainerConfig()).loss != pytest.approx(right, rel=1e-6)


def test_f1_and_r2_are_torchmetrics_own() -> None:
    """Over all frames at once."""
    network, data = new(), labelled(2)
    with torch.no_grad():
        y = torch.cat([network.eval()(torch.from_numpy(x[None]))[0][0] for x in data.frames])
    target = torch.from_numpy(np.concatenate(data.targets))
    found = evaluate(network, data, TrainerConfig(metrics=("f1", "accuracy"))).metrics
    expected = torchmetrics.functional.f1_score(y, target, task="multiclass", num_classes=3, average="macro")
    assert list(found) == ["accuracy", "f1"] or set(found) == {"accuracy", "f1"}
    assert found["f1"] == pytest.approx(float(expected), rel=1e-6)
    with pytest.raises(ValueError, match="metrics: expected some of accuracy, f1"):
        evaluate(network, data, TrainerConfig(metrics=("rmse",)))


def test_labels_without_frames_are_counted_by_edits() -> None:
    """CTC: a network that says "a b" where "a b b" is right is one edit of three away."""

    class Says(torch.nn.Linear):
        """Scores for blank, a, b from a number of the frame."""

        def forward(self, h: torch.Tensor) -> torch.Tensor:
            frames = torch.tensor([1, 1, 0, 2, 2, 0])
            return 9.0 * torch.nn.functional.one_hot(frames, 3).float().expand(len(h), -1, -1)

    network = new()
    network.head = Says(8, 3)
    data = SequenceData((np.zeros((6, 2), np.float32),), (np.array([0, 1, 1]),), ("a", "b"))
    assert evaluate(network, data, TrainerConfig("ctc")).metrics["edit_distance"] == pytest.approx(1.0)


def test_ctc_learns_what_was_said() -> None:
    """Three sounds of several frames each, in any order, without a target per frame."""

    def said(seed: int, count: int) -> SequenceData:
        rng = np.random.default_rng(seed)
        labels = [rng.permutation(3)[:2] for _ in range(count)]
        sounds = [np.concatenate([np.eye(3)[k] + np.zeros((rng.integers(2, 5), 3)) for k in pair]) for pair in labels]
        noisy = [(s + 0.1 * rng.standard_normal(s.shape)).astype(np.float32) for s in sounds]
        return SequenceData(tuple(noisy), tuple(p.astype(np.int64) for p in labels), ("a", "b", "c"))

    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 3, 16, 4))
    config = TrainerConfig("ctc", epochs=25, batch_size=16, learning_rate=2e-2)
    fit(network, said(1, 128), said(2, 32), config)
    assert evaluate(network, said(3, 32), config).metrics["edit_distance"] < 0.2


def test_dead_units_are_counted() -> None:
    """Three of eight relu units that never open, and no other."""
    network = new("rnn_relu")
    with torch.no_grad():
        network.layers[0].bias_ih_l0[:3] = -100.0
    assert evaluate(network, labelled(1), TrainerConfig()).dead == (3 / 8,)


def test_training_ends_when_nothing_gets_better() -> None:
    """Random labels: two epochs after the best one it is over; without patience it is not."""
    config = TrainerConfig(epochs=60, batch_size=2, learning_rate=3e-2, schedule="constant", patience=2)
    result = fit(new(), labelled(1, frames=20), labelled(2, frames=20), config)
    assert len(result.epochs) == result.best + 2 < 60
    longer = fit(new(), labelled(1, frames=20), labelled(2, frames=20), replace(config, patience=0, epochs=8))
    assert len(longer.epochs) == 8


def test_an_epoch_says_what_its_gradients_were() -> None:
    """With a bound that nothing reaches no update is cut, with a tiny one all of them."""
    data = labelled(1, frames=20)
    for bound, share in ((1e9, 0.0), (1e-9, 1.0)):
        (epoch,) = fit(new(), data, data, TrainerConfig(epochs=1, batch_size=2, clip_norm=bound)).epochs
        assert epoch.clipped == share and 0 < epoch.gradient_norm <= epoch.largest_gradient_norm


def test_bfloat16_products_train_nearly_the_same() -> None:
    """The loss after training is within a few percent, and not the same to the bit."""
    data = SequenceData(labelled(1).frames, tuple(x.cumsum(0) * 0.1 for x in labelled(1).frames))
    config = TrainerConfig("mse", epochs=5, batch_size=2, learning_rate=1e-2)
    losses = [
        fit(new(outputs=2), data, data, replace(config, mixed_precision=mixed)).epochs[-1].validation_loss
        for mixed in (False, True)
    ]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.1)


@pytest.mark.parametrize(
    ("data", "config", "words"),
    [
        (labelled(1, classes=4), TrainerConfig(), r"sequence \d: expected classes below 3, .* found 3"),
        (SequenceData((np.zeros((4, 3), np.float32),), (0,)), TrainerConfig(), "expected 2 features per frame"),
        (
            SequenceData((np.zeros(4, np.int64),), (0,)),
            TrainerConfig(),
            "expected 2 features per frame .* found tokens",
        ),
        (SequenceData((np.zeros((4, 2), np.float32),), (np.zeros((4, 2)),)), TrainerConfig("mse"), "need 2 outputs"),
        (SequenceData((np.zeros((4, 2), np.float32),), (1.5,)), TrainerConfig(), "expected integer classes"),
    ],
)
def test_data_that_do_not_fit_the_network_are_named(data: SequenceData, config: TrainerConfig, words: str) -> None:
    """Which sequence, what the network expects, what was found; before anything is trained."""
    with pytest.raises(InputError, match=words):
        fit(new(), data, data, config)
    with pytest.raises(InputError, match=words):
        evaluate(new(), data, config)


def test_a_token_that_the_network_does_not_have_is_named() -> None:
    """By sequence and frame, before torch looks it up."""
    network = RecurrentNetwork(NetworkConfig("gru", 2, 4, 3, tokens=5))
    data = SequenceData((np.array([1, 2]), np.array([0, 7])), (0, 1))
    with pytest.raises(InputError, match=r"sequence 1, frame 1: expected a token below 5 .* found 7"):
        evaluate(network, data, TrainerConfig())


def test_a_part_is_of_sequences_that_there_are() -> None:
    """A negative index counts from the end; one beyond either end is named."""
    data = labelled(4, classes=2)
    assert [id(f) for f in data.part([-1, 0]).frames] == [id(data.frames[4]), id(data.frames[0])]
    for index in (5, -6, 1 << 70):
        with pytest.raises(InputError, match=rf"indices\[1\]: expected an integer from -5 to 4, found {index}"):
            data.part([0, index])


def test_tokens_have_no_statistics() -> None:
    """There is no mean of a feature where there are no features."""
    with pytest.raises(InputError, match="expected frames of features, found tokens"):
        SequenceData((np.array([1, 2]),), (0,)).statistics()
