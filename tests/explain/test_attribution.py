"""Which input mattered: integrated gradients and occlusion."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge.explain import explain_file, explain_module, open_tapped
from rnnedge.explain._attribution import baseline_of
from rnnedge.explain._from_module import record_module
from rnnedge.explain._integrated import integrated_gradients
from rnnedge.explain._occlusion import occlusion
from rnnedge.explain._outputs import Target, choose_target
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.sources import ModelSource
from rnnedge_runtime import InputError, MissingExtra

pytestmark = pytest.mark.long

CELLS = ("gru", "lstm", "rnn_tanh", "rnn_sigmoid", "rnn_relu")


def trained_like(cell: str) -> RecurrentNetwork:
    """Weights twice as large as fresh ones, so that gates move: what makes a path hard to integrate."""
    torch.manual_seed(3)
    network = RecurrentNetwork(NetworkConfig(cell, 3, 12, 4, num_layers=2, mean=(0.1, 0.0, -0.2), std=(1.0, 2.0, 0.5)))
    with torch.no_grad():
        for parameter in network.layers.parameters():
            parameter *= 1.0 if cell == "rnn_relu" else 2.0
    return network


def sequence(time: int = 30) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random sequence."""
    return np.random.default_rng(0).standard_normal((time, 3)).astype(np.float32)


@pytest.mark.parametrize("cell", CELLS)
def test_integrated_gradients_add_up_to_the_difference_of_the_outputs(cell: str) -> None:
    """Within 1 %, both outputs computed here, by the network itself."""
    network, x = trained_like(cell), sequence()
    target = Target("y", 29, 2, "third")
    found = integrated_gradients(record_module(network, x), target, baseline_of(x, "mean"))
    with torch.no_grad():
        whole, nothing = (
            float(network(torch.from_numpy(frames.astype(np.float32))[None])[0][0, 29, 2])
            for frames in (x, np.broadcast_to(x.mean(0), x.shape).copy())
        )
    assert found is not None
    assert abs(found.shares.sum() - (whole - nothing)) <= 0.01 * abs(whole - nothing)
    np.testing.assert_allclose([found.output, found.baseline_output], [whole, nothing], rtol=0, atol=1e-5)
    assert found.gap <= 0.01


def test_too_few_steps_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum is no matter of course: two steps along the way miss it, and the gap says so."""
    from rnnedge.explain import _integrated as integrated

    monkeypatch.setattr(integrated, "_STEPS", 2)
    monkeypatch.setattr(integrated, "_MOST_STEPS", 2)
    network, x = trained_like("lstm"), sequence()
    found = explain_module(ModelSource(network, None), x, unit=2, baseline="mean")
    assert found.attributions[0].gap > 0.01
    assert any("add up" in line and "2 steps" in line for line in found.left_out)


def test_frames_behind_the_target_have_no_share() -> None:
    """A recurrence does not look ahead, and the shares of what comes later are zero."""
    network, x = trained_like("gru"), sequence()
    for method in (integrated_gradients, occlusion):
        found = method(record_module(network, x), Target("y", 11, 0, ""), baseline_of(x, "zero"))
        assert found is not None
        assert np.abs(found.shares[:12]).sum() > 0.1 and np.abs(found.shares[12:]).max() < 1e-6


def test_marked_positions_receive_the_attribution(adding: Any) -> None:
    """On the adding problem at least 80 % of all shares stand where the two marked values are.

    The baseline has the same markers and zero values: the question is which values made the sum, so that a marked value
    of v has a true share of v, and every other value none.
    """
    assert adding.error < 0.002
    marked = everywhere = 0.0
    for x, y in zip(adding.sequences[:24].numpy(), adding.sums[:24], strict=True):
        start = x * np.array([0, 1], np.float32)
        found = integrated_gradients(record_module(adding.network, x), Target("y", 0, 0, "sum"), baseline_of(x, start))
        assert found is not None and found.gap <= 0.01
        assert abs(found.output - float(y)) < 0.25
        marked += float(found.by_frame[x[:, 1] == 1].sum())
        everywhere += float(found.by_frame.sum())
    assert marked / everywhere >= 0.8, marked / everywhere


def test_occlusion_is_the_fall_of_the_output() -> None:
    """Every share equals the network's own output without that number, one by one."""
    network, x = trained_like("gru"), sequence(6)
    found = occlusion(record_module(network, x), Target("y", 5, 1, ""), baseline_of(x, "zero"))

    def output(frames: np.ndarray[Any, Any]) -> float:
        with torch.no_grad():
            return float(network(torch.from_numpy(frames)[None])[0][0, 5, 1])

    expected = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        hidden = x.copy()
        hidden[place] = 0
        expected[place] = output(x) - output(hidden)
    np.testing.assert_allclose(found.shares, expected, rtol=0, atol=1e-5)


def test_a_file_can_be_occluded_without_torch(tmp_path: Path) -> None:
    """Frame by frame, as the module with the frame replaced; the baseline is the training mean that the file knows."""
    network, x = trained_like("gru"), sequence(9)
    path, config = tmp_path / "m.onnx", network.config
    from rnnedge_runtime import Normalization

    quickly.export(network, torch.zeros(1, 8, 3), path, form="step", taps=("state",), labels=tuple("abcd"),
                          normalization=Normalization(config.mean, config.std))  # fmt: skip
    found = explain_file(open_tapped(path), x, unit="b")
    (shares,) = found.attributions
    assert shares.target == Target("y", 8, 1, "b") and "training data" in shares.baseline
    for frame in range(9):
        hidden = x.copy()
        hidden[frame] = config.mean
        with torch.no_grad():
            y = [float(network(torch.from_numpy(frames)[None])[0][0, 8, 1]) for frames in (x, hidden)]
        np.testing.assert_allclose(shares.shares[frame], y[0] - y[1], rtol=0, atol=1e-5)


def test_a_front_with_a_stride_and_a_look_ahead_is_no_obstacle(tmp_path: Path) -> None:
    """Layers have frames of their own then, and a file shows those that the module has."""

    class Strided(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.front = nn.Conv1d(3, 5, 3, stride=2, padding=1)
            self.lstm, self.head = nn.LSTM(5, 6, batch_first=True), nn.Linear(6, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.lstm(self.front(x.transpose(1, 2)).transpose(1, 2))[0])

    torch.manual_seed(0)
    module, x = Strided(), sequence(15)
    quickly.export(module, torch.zeros(1, 16, 3), tmp_path / "m.onnx", taps=("gates", "state"))
    whole = explain_module(ModelSource(module, None), x)
    found = dict(explain_file(open_tapped(tmp_path / "m.onnx"), x).arrays())
    for name, array in whole.recording.arrays():
        assert name == "input" or len(array) == 8
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-5, err_msg=name)
    assert whole.reach is not None and whole.reach.frame == 14 and whole.attributions[0].gap <= 0.01


def test_tokens_are_attributed_through_their_embedding() -> None:
    """One share a token; they add up to the difference of the outputs for the tokens and for the baseline's."""
    from examples.networks.small import build

    module, _ = build("tokens")
    tokens = np.array([1, 4, 2, 9, 3])
    found = explain_module(ModelSource(module, None), tokens, name="letters", unit=7)
    integrated, hidden = found.attributions
    with torch.no_grad():
        y = [float(module(torch.from_numpy(x)[None])[0, 4, 7]) for x in (tokens, tokens * 0)]
    assert integrated.shares.shape == hidden.shares.shape == (5, 1)
    assert abs(integrated.shares.sum() - (y[0] - y[1])) <= 0.01 * abs(y[0] - y[1])
    assert found.reach is not None and found.reach.norms[0] == found.reach.norms.max()
    assert "token 0" in integrated.baseline


def test_tokens_without_an_embedding_have_occlusion_only() -> None:
    """There is no way between two of them, and the explanation says so."""

    class OneHot(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(9, 6, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.gru(nn.functional.one_hot(x, 9).float())[0]

    found = explain_module(ModelSource(OneHot(), None), np.array([1, 4, 2, 8, 3]))
    assert [one.method for one in found.attributions] == ["occlusion"]
    assert any("Embedding" in line for line in found.left_out) and found.reach is None


def test_a_network_with_as_many_classes_as_frames_is_one_summary() -> None:
    """(batch, value) is told from (batch, time) by a longer sequence, not by its size."""

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(3, 7, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.gru(x)[0][:, -1]

    recording = record_module(Last(), sequence(7)).recording
    assert recording.outputs["y"].shape == (1, 7)


def test_the_target_is_the_largest_value_of_the_last_frame() -> None:
    """By default; a label, a number and a frame from the end choose another."""
    outputs = {"y": np.array([[0.0, 1.0], [3.0, 2.0]]), "z": np.zeros((1, 3))}
    assert choose_target(outputs, ("no", "yes")) == Target("y", 1, 0, "no")
    assert choose_target(outputs, ("no", "yes"), frame=-2, unit="yes") == Target("y", 0, 1, "yes")
    assert choose_target(outputs, ("no", "yes"), output="z", unit=2) == Target("z", 0, 2, "z[2]")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"output": "x"}, ["output", "y, z", "'x'"]),
        ({"frame": 2}, ["frame", "0 to 1", "found 2"]),
        ({"frame": -3}, ["frame", "0 to 1", "found -3"]),
        ({"unit": 2}, ["unit", "0 to 1", "no, yes", "2"]),
        ({"unit": "maybe"}, ["unit", "no, yes", "'maybe'"]),
    ],
)
def test_a_target_that_does_not_exist_is_refused(options: dict[str, Any], words: list[str]) -> None:
    """With what there is."""
    outputs = {"y": np.array([[0.0, 1.0], [3.0, 2.0]]), "z": np.zeros((1, 3))}
    with pytest.raises(InputError) as caught:
        choose_target(outputs, ("no", "yes"), **options)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_baseline_of_another_shape_is_refused() -> None:
    """One frame, or as many as the sequence has."""
    assert baseline_of(sequence(5), np.ones(3, np.float32)).frames.shape == (5, 3)
    with pytest.raises(InputError, match=r"baseline: expected shape \(5, 3\), or one frame, found \(4, 3\)"):
        baseline_of(sequence(5), sequence(4))
    with pytest.raises(InputError, match="zero, mean or frames"):
        baseline_of(sequence(5), "median")


def test_without_captum_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the way that needs none."""
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setattr("rnnedge.explain._explain.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"rnnedge\[explain\].*--taps"):
        explain_module(ModelSource(trained_like("gru"), None), sequence())
