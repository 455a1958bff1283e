"""Weights begin as the papers say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnnedge.nn import NetworkConfig, RecurrentNetwork


def layer(cell: str, **options: Any) -> torch.nn.Module:
    """The first layer of a seeded network."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig(cell, 5, 32, 3, **options)).layers[0]


@pytest.mark.parametrize(("cell", "gates"), [("rnn_tanh", 1), ("gru", 3), ("lstm", 4)])
def test_recurrent_weights_are_orthogonal_gate_by_gate(cell: str, gates: int) -> None:
    """W W^T = 1 for each; the other initializations do not have that."""
    for name, orthogonal in (("orthogonal", True), ("torch", False)):
        w = layer(cell, init=name).weight_hh_l0.detach().chunk(gates)
        assert all(bool(torch.allclose(g @ g.T, torch.eye(32), atol=1e-5)) is orthogonal for g in w)


def test_our_own_cells_are_initialized_too() -> None:
    """The sigmoid cell keeps both matrices in one, the LSTM with options its own."""
    cell = layer("rnn_sigmoid", init="orthogonal").cell
    w = cell.weight.detach()[:, :32]
    torch.testing.assert_close(w @ w.T, torch.eye(32), rtol=0, atol=1e-5)
    lstm = layer("lstm", init="orthogonal", peepholes=True)
    torch.testing.assert_close(lstm.bias.detach(), torch.cat([torch.zeros(32), torch.ones(32), torch.zeros(64)]))


def test_an_lstm_begins_by_remembering() -> None:
    """Both biases of the forget gate together are 1, all others 0."""
    lstm = layer("lstm", init="orthogonal")
    total = (lstm.bias_ih_l0 + lstm.bias_hh_l0).detach()
    torch.testing.assert_close(total, torch.cat([torch.zeros(32), torch.ones(32), torch.zeros(64)]))


def test_irnn_repeats_its_state() -> None:
    """Without input the state stays as it is, for any number of frames; another cell is refused."""
    rnn = layer("rnn_relu", init="irnn")
    h = torch.rand(1, 1, 32)
    _, after = rnn(torch.zeros(1, 100, 5), h)
    torch.testing.assert_close(after, h)
    with pytest.raises(ValueError, match="irnn is for rnn_relu"):
        layer("gru", init="irnn")


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_chrono_units_forget_after_one_to_the_longest_memory(cell: str) -> None:
    """Time constants 1 / (1 - gate) at rest lie between 1 and T, in every order of magnitude."""
    made = layer(cell, init="chrono", memory_frames=1000)
    gate = torch.sigmoid(made.bias_ih_l0.detach().chunk(4 if cell == "lstm" else 3)[1]).double().numpy()
    constants = 1 / (1 - gate)
    assert constants.min() > 1 and constants.max() <= 1001
    assert np.median(constants) > 200
    with pytest.raises(ValueError, match="chrono is for lstm and gru"):
        layer("rnn_tanh", init="chrono", memory_frames=10)
