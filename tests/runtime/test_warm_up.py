"""A stream that begins, and one that ends: frames before the first output, and after the last input."""

from __future__ import annotations

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import Model, Stream, load
from rnnedge_runtime._graph_runner import GraphRunner


class Ahead(nn.Module):
    """It looks ahead twice, with a recurrence behind each: states that begin 30 and 70 frames late, and a summary."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(3, 4, 61, padding=30), nn.Conv1d(4, 4, 81, padding=40)
        self.causal = nn.Conv1d(4, 4, 5)
        self.gru, self.lstm = nn.GRU(4, 4, batch_first=True), nn.LSTM(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, _ = self.gru(self.first(x.transpose(1, 2)).transpose(1, 2))
        y = self.second(self.causal(nn.functional.pad(y.transpose(1, 2), (4, 0)))).transpose(1, 2)
        found, _ = self.lstm(y)
        return found, found[:, -1]


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Model]:
    """The network, and its file."""
    torch.manual_seed(0)
    module, path = Ahead().eval(), tmp_path_factory.mktemp("ahead") / "ahead.onnx"
    quickly.export(module, torch.randn(1, 100, 3), path)
    return module, load(path)


def streamed(stream: Stream, x: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    """Every output of frames (time, 3), pushed in pieces."""
    parts = [list(stream.push(part).values()) for part in np.split(x, cuts)]
    frames, summary = stream.finish().values()
    return [np.concatenate([*(part[0] for part in parts), frames]), summary[-1]]


@pytest.mark.parametrize("cuts", [[], [1, 2, 40], [30], [29, 71, 72]])
def test_a_stream_that_begins_late_equals_the_whole(ahead: tuple[nn.Module, Model], cuts: list[int]) -> None:
    """Frames before the first output are pushed together, and states begin where they would one by one."""
    module, model = ahead
    assert {state.warmup for state in model.contract.states} == {0, 30, 70}
    for time in (1, 29, 73, 200):
        x = np.random.default_rng(time).standard_normal((time, 3), np.float32)
        with torch.no_grad():
            expected = [y[0].numpy() for y in module(torch.from_numpy(x[None]))]
        for found, wanted in zip(streamed(model.stream(), x, [c for c in cuts if c < time]), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_a_late_beginning_and_end_take_few_calls(
    ahead: tuple[nn.Module, Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call until each state begins, one for the rest, one for the end: not one for every frame."""
    frames, call = [], GraphRunner._call_binding
    monkeypatch.setattr(
        GraphRunner,
        "_call_binding",
        lambda self, binding, *given: (frames.append(binding.frames), call(self, binding, *given))[1],
    )
    streamed(ahead[1].stream(), np.zeros((200, 3), np.float32), [])
    assert frames == [30, 40, 130, 70]


def test_a_snapshot_of_a_stream_that_begins_goes_on(ahead: tuple[nn.Module, Model]) -> None:
    """It counts calls of one frame, however many frames a call took."""
    x = np.random.default_rng(0).standard_normal((150, 3), np.float32)
    whole = streamed(ahead[1].stream(), x, [])
    one, other = ahead[1].stream(), ahead[1].stream()
    before = one.push(x[:47])
    other.restore(one.snapshot())
    found = streamed(other, x[47:], [])
    first = next(iter(before.values()))
    np.testing.assert_allclose(np.concatenate([first, found[0]]), whole[0], rtol=0, atol=1e-6)
