"""A monitor sees what states do over time, and tells one that grows from one that moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from exported import Exported
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge_runtime import Alarm, InputError, StateMonitor, load


class Told:
    """A stream of which only the states are known: `course[t]` is the state after t frames."""

    def __init__(self, course: np.ndarray) -> None:
        self.course, self.frames = course, 0

    @property
    def states(self) -> dict[str, np.ndarray]:
        """The state "s", and a counter that is no number of a cell."""
        return {"s": self.course[self.frames], "n": np.array([self.frames])}


def alarms(course: np.ndarray, every: int = 10) -> list[Alarm]:
    """What a monitor says of this course."""
    told: list[Alarm] = []
    stream = Told(course)
    monitor = StateMonitor(stream, every, on_alarm=told.append)
    for stream.frames in range(1, len(course)):
        monitor.look()
    assert told == list(monitor.alarms.values())
    return told


FRAMES = np.arange(20_000)[:, None] * np.ones(8)
NOISE = np.random.default_rng(0).standard_normal((20_000, 8))


@pytest.mark.parametrize(
    "course",
    [0.1 * FRAMES, NOISE.cumsum(0), 1.0001**FRAMES * 5, NOISE * FRAMES, -0.01 * FRAMES + 0.5 * NOISE],
    ids=["drift", "random walk", "explosion", "swelling noise", "noisy drift"],
)
def test_growth_is_told_once(course: np.ndarray) -> None:
    """A drift, a random walk, an explosion: one alarm, long before the end."""
    (alarm,) = alarms(course)
    assert alarm.state == "s" and alarm.frame < 15_000 and alarm.rms >= 8
    assert "grows without bound" in alarm.text


@in_one_test(
    "course",
    [
        NOISE,
        50 + 10 * NOISE,
        100 * np.sin(FRAMES / 70),
        40 * (1 - np.exp(-FRAMES / 60)),
        np.tanh(FRAMES),
        1e-4 * FRAMES,
    ],
    ids=["noise", "large noise", "wave", "settles", "saturates", "small"],
)
def test_movement_is_no_growth(course: np.ndarray) -> None:
    """Noise, waves, states that settle, and those that are still small."""
    assert alarms(course) == []


def test_a_state_that_is_no_longer_finite_is_told_at_once() -> None:
    """Whatever its past."""
    course = NOISE.copy()
    course[100:, 3] = np.nan
    (alarm,) = alarms(course)
    assert alarm.frame == 100 and "no longer finite after 100 frames" in alarm.text


def test_norm_and_saturation_are_those_of_the_states(native: Exported) -> None:
    """Every so many frames, by name, as numpy computes them."""
    stream = native.model.stream()
    monitor = StateMonitor(stream, 10, saturation=0.2)
    x = np.random.default_rng(0).standard_normal((95, 5), np.float32)
    for frame in x:
        stream.push(frame[None])
        monitor.look()
    assert {name: [look.frame for look in looks] for name, looks in monitor.history.items()} == {
        state.input: list(range(10, 91, 10)) for state in native.model.contract.states
    }
    twin = native.model.stream()
    twin.push(x[:90])
    for name, state in twin.states.items():
        look = monitor.history[name][-1]
        np.testing.assert_allclose(look.rms, np.sqrt(np.mean(state.astype(np.float64) ** 2)), rtol=1e-6)
        assert look.saturated == np.mean(np.abs(state) >= 0.2) > 0
    stream.reset()
    stream.push(x[:3])
    assert monitor.look() is not None and monitor.look() is None


class Leakless(nn.Module):
    """An LSTM whose cell forgets nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)
        with torch.no_grad():
            self.lstm.bias_ih_l0.copy_(torch.tensor([3.0] * 4 + [50.0] * 4 + [1.0] * 4 + [0.0] * 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.lstm(x)[0]


def test_a_cell_that_never_forgets_raises_the_alarm(tmp_path: Path) -> None:
    """Its outputs stay within [-1, 1] all the while."""
    quickly.export(Leakless(), torch.zeros(1, 4, 3), tmp_path / "m.onnx")
    stream = load(tmp_path / "m.onnx").stream()
    monitor = StateMonitor(stream, 10)
    for _ in range(2000):
        assert np.abs(stream.push(np.ones((1, 3), np.float32))).max() <= 1
        monitor.look()
    assert list(monitor.alarms) == ["lstm.l0.c"]


def test_states_are_copies(native: Exported) -> None:
    """Nobody changes a stream through them."""
    stream = native.model.stream()
    stream.push(np.ones((3, 5), np.float32))
    kept = stream.snapshot()
    for state in stream.states.values():
        state[...] = 7
    assert stream.snapshot() == kept
    with pytest.raises(InputError, match="every_frames: expected an integer, 1 or more, found 0"):
        StateMonitor(stream, 0)
