"""Half-lives, saturation, the reach of the gradient and the way of the state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnedge.explain._decay import half_lives, measured_decay
from rnnedge.explain._from_module import record_module
from rnnedge.explain._half_life import gate_half_life
from rnnedge.explain._memory import Reach, reach
from rnnedge.explain._outputs import Target
from rnnedge.explain._recording import Layer
from rnnedge.explain._saturation import saturation
from rnnedge.explain._trajectory import trajectory

pytestmark = pytest.mark.long

KEPT = np.array([0.2, 0.5, 0.9, 0.99])
TRUE = np.log(0.5) / np.log(KEPT)


def zeroed(module: nn.RNNBase) -> nn.RNNBase:
    """Every weight and bias zero."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    return module


def known_gru() -> nn.GRU:
    """Its update gate keeps a known share of every unit, whatever comes in: z = sigmoid(b)."""
    gru = zeroed(nn.GRU(2, 4, batch_first=True))
    with torch.no_grad():
        gru.bias_ih_l0[4:8] = torch.from_numpy(np.log(KEPT / (1 - KEPT))).float()
        gru.weight_ih_l0[8:] = 0.3
    return gru


def known_lstm() -> nn.LSTM:
    """Its forget gate keeps a known share."""
    lstm = zeroed(nn.LSTM(2, 4, batch_first=True))
    with torch.no_grad():
        lstm.bias_ih_l0[4:8] = torch.from_numpy(np.log(KEPT / (1 - KEPT))).float()
        lstm.weight_ih_l0[8:12] = 0.3
    return lstm


def noise(time: int, width: int = 2) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random sequence."""
    return np.random.default_rng(0).standard_normal((time, width)).astype(np.float32)


@pytest.mark.parametrize("module", [known_gru(), known_lstm()], ids=["gru", "lstm"])
def test_half_lives_of_known_gates(module: nn.RNNBase) -> None:
    """ln(1/2) / ln(k) frames for the share k, by the gate and by a push that is measured."""
    watched = record_module(module, noise(300))
    np.testing.assert_allclose(gate_half_life(watched.recording.layers[0]), TRUE, rtol=1e-4)
    decay = measured_decay(watched.parts[0])
    assert decay is not None
    np.testing.assert_allclose(decay.half_life, TRUE, rtol=2e-2)
    np.testing.assert_allclose(decay.left[1:4], KEPT ** np.arange(1, 4)[:, None], rtol=2e-2)


def test_a_loop_through_the_weights_is_in_the_measured_half_life_alone() -> None:
    """A unit whose candidate is its own old value holds on for longer than its gate says."""
    gru = known_gru()
    with torch.no_grad():
        gru.weight_ih_l0.zero_()
        gru.bias_ih_l0[:4] = 20.0
        gru.weight_hh_l0[8:] = 0.9 * torch.eye(4)
    watched = record_module(gru, noise(300) * 0)
    decay = measured_decay(watched.parts[0])
    assert decay is not None
    kept = KEPT + (1 - KEPT) * 0.9
    np.testing.assert_allclose(gate_half_life(watched.recording.layers[0]), TRUE, rtol=1e-4)
    np.testing.assert_allclose(decay.half_life[:3], (np.log(0.5) / np.log(kept))[:3], rtol=2e-2)
    assert np.isinf(decay.half_life[3])


def test_a_push_of_an_elman_layer_decays_by_its_own_weight() -> None:
    """A cell without gates has a measured half-life: near 0, tanh(w h) is w h."""
    rnn = zeroed(nn.RNN(2, 4, batch_first=True))
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(torch.diag(torch.from_numpy(KEPT).float()))
    watched = record_module(rnn, noise(300) * 0)
    decay = measured_decay(watched.parts[0])
    assert decay is not None and gate_half_life(watched.recording.layers[0]) is None
    np.testing.assert_allclose(decay.half_life, TRUE, rtol=2e-2)


@pytest.mark.parametrize("shown", [1.0, 2.0])
def test_a_cell_that_shows_something_else_than_its_state_is_not_measured(shown: float) -> None:
    """Of an unknown cell the state is taken to be y; where the sequence then goes on in another way, it is not."""

    class Twice(nn.Module):
        def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            h = torch.zeros_like(x[:, 0]) if state is None else state
            rows = []
            for x_t in x.unbind(1):
                h = 0.9 * h + x_t
                rows.append(shown * h)
            return torch.stack(rows, 1), h

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = Twice()

        def forward(self, x: Tensor) -> Tensor:
            return self.cell(x)[0]

    decay = measured_decay(record_module(Network(), noise(100)).parts[0])
    if shown == 1.0:
        assert decay is not None
        np.testing.assert_allclose(decay.half_life, np.log(0.5) / np.log(0.9), rtol=2e-2)
    else:
        assert decay is None


def test_what_is_not_lost_has_no_half_life() -> None:
    """Infinite where more than half is left at the end, though it was less for a while."""
    left = np.array([[1.0, 1.0, 1.0], [0.4, 0.9, 0.25], [0.6, 0.8, 0.0]])
    np.testing.assert_allclose(half_lives(left), [np.inf, np.inf, 0.5])


def test_saturation_counts_frames_at_the_ends() -> None:
    """Below 0.1 and above 0.9 for a gate, beyond 0.9 in magnitude for a candidate and a hidden state."""
    gate = np.array([[0.05, 0.5, 0.95], [0.05, 0.2, 0.99], [0.2, 0.95, 0.91], [0.05, 0.5, 0.9]])
    hidden = np.array([[-0.95, 0.0, 0.95], [0.95, 0.0, 0.95], [0.0, 0.0, 0.95], [0.0, 0.0, 0.95]])
    layer = Layer("l", "GRU", {"hidden": hidden}, {"update_gate": gate, "candidate": hidden})
    update, candidate, state = saturation(layer)
    np.testing.assert_allclose([update.low, update.high], [[0.75, 0, 0], [0, 0.25, 0.75]])
    np.testing.assert_allclose([candidate.low, candidate.high], [[0.25, 0, 0], [0.25, 0, 1]])
    assert [one.value for one in (update, candidate, state)] == ["update_gate", "candidate", "hidden"]
    assert state.constant_units.tolist() == [2] and update.constant_units.tolist() == []


def test_the_reach_is_the_gradient_of_a_known_network() -> None:
    """Of a linear recurrence h_t = w h_{t-1} + x_t it is w^d, and half and 1 % of it lie where the logarithm says."""
    rnn = zeroed(nn.RNN(1, 1, nonlinearity="relu", batch_first=True))
    with torch.no_grad():
        rnn.weight_hh_l0.fill_(0.8)
        rnn.weight_ih_l0.fill_(1.0)
    watched = record_module(rnn, np.ones((60, 1), np.float32))
    found = reach(watched, Target("y", 50, 0, "y"))
    assert found is not None and found.frame == 50
    np.testing.assert_allclose(found.norms, 0.8 ** np.arange(51), rtol=1e-4)
    assert (found.length(0.5), found.length(0.01), found.length(1e-6)) == (4, 21, None)


def test_a_held_event_counts_for_the_reach() -> None:
    """The last distance above the share decides, not the first one below it."""
    found = Reach(5, np.array([1.0, 0.001, 0.001, 0.8, 0.001, 0.001]))
    assert (found.length(0.5), found.length(0.01)) == (4, 4)


def test_many_outputs_are_estimated_by_random_combinations() -> None:
    """The norm over 64 outputs is within a fifth of the exact one."""
    torch.manual_seed(0)

    class Wide(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, 64)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.gru(x)[0])

    module = Wide()
    watched = record_module(module, noise(20, 3))
    found = reach(watched, Target("y", 19, 0, "y"))
    jacobian = torch.autograd.functional.jacobian(lambda x: module(x[None])[0, 19], watched.x[0])
    exact = jacobian.square().sum((0, 2)).sqrt().numpy()[::-1]
    assert found is not None
    np.testing.assert_allclose(found.norms, exact, rtol=0.35)


def test_the_trajectory_is_the_plane_of_the_largest_movement() -> None:
    """Of points on a tilted ellipse: the axes of the ellipse, and their shares of the variance."""
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.standard_normal((6, 2)))
    angle = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    points = np.stack([3 * np.cos(angle), np.sin(angle)], 1)
    found = trajectory(Layer("l", "GRU", {"hidden": points @ basis.T + 5}))
    np.testing.assert_allclose(np.abs(found.points), np.abs(points), atol=1e-9)
    np.testing.assert_allclose(found.explained[:2], [0.9, 0.1], atol=1e-9)
    assert found.dimensions == 2


def test_a_state_that_does_not_move_has_a_trajectory_too() -> None:
    """Of one unit, one frame, and of constants: no division by zero."""
    for shape in ((5, 1), (1, 3), (4, 3)):
        found = trajectory(Layer("l", "GRU", {"hidden": np.ones(shape)}))
        assert found.points.shape == (shape[0], 2) and found.dimensions == 0
