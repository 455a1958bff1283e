"""What is read out of a torch module while it runs."""

from __future__ import annotations

from typing import Any

import gate_equations
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from examples.networks import small as networks
from rnnedge.audio._log_mel import LogMel
from rnnedge.explain._decay import measured_decay
from rnnedge.explain._from_module import record_module
from rnnedge.explain._half_life import gate_half_life
from rnnedge.explain.cells import READERS, STARTS, Inner, reads
from rnnedge.explain.gates import CELLS, Gate, kept_share
from rnnedge.nn import NetworkConfig, RecurrentNetwork, SigmoidRNN
from rnnedge_runtime import InputError, ModelRefused


def frames(width: int, time: int = 17) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A random sequence."""
    return np.random.default_rng(1).standard_normal((time, width)).astype(np.float32)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("cell", [nn.GRU, nn.LSTM])
def test_gates_equal_the_equations_in_numpy(cell: type[nn.RNNBase], batch_first: bool) -> None:
    """Every state and gate of every layer of a stack, which torch keeps to itself."""
    torch.manual_seed(0)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = cell(3, 5, 2, batch_first=batch_first)

        def forward(self, x: Tensor) -> Tensor:
            y = self.rnn(x if batch_first else x.transpose(0, 1))[0]
            return y if batch_first else y.transpose(0, 1)

    module, x = Network(), frames(3)
    recording = record_module(module, x).recording
    expected = gate_equations.stack(module.rnn, x.astype(np.float64))
    assert [layer.name for layer in recording.layers] == ["rnn.l0", "rnn.l1"]
    for layer, values in zip(recording.layers, expected, strict=True):
        found = {**layer.states, **layer.gates}
        assert found.keys() == values.keys()
        for name, array in values.items():
            np.testing.assert_allclose(found[name], array, rtol=0, atol=2e-6)
    np.testing.assert_allclose(recording.outputs["y"], expected[-1]["hidden"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["rnn_tanh-2", "rnn_relu-1", "learned-start", "shared", "both", "classifier-gru"])
def test_the_last_layer_is_what_the_network_goes_on_with(name: str) -> None:
    """The hidden state equals the y of the recurrence itself, from learned states and at a second place too."""
    module, example = networks.build(name)
    x = frames(networks.FEATURES)
    seen: list[Tensor] = []
    for part in module.modules():
        if isinstance(part, nn.RNNBase):
            part.register_forward_hook(lambda _, __, result: seen.append(result[0].detach()))
    layers = record_module(module.eval(), x).recording.layers
    with torch.no_grad():
        seen.clear()
        module(torch.from_numpy(x)[None])
    last = seen[-1] if seen[-1].shape[0] == 1 else seen[-1].transpose(0, 1)
    np.testing.assert_allclose(layers[-1].hidden, last[0].numpy(), rtol=0, atol=2e-6)
    assert len({layer.name for layer in layers}) == len(layers)
    assert example.shape[2] == x.shape[1]


@pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")
def test_a_projected_lstm_is_read_out_too() -> None:
    """Its hidden state is the projection."""
    module, _ = networks.build("lstm-proj")
    x = frames(networks.FEATURES)
    layers = record_module(module, x).recording.layers
    with torch.no_grad():
        y, (_, c) = module(torch.from_numpy(x)[None])
    np.testing.assert_allclose(layers[1].hidden, y[0].numpy(), rtol=0, atol=2e-6)
    np.testing.assert_allclose(layers[1].states["cell"][-1], c[1, 0].numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    "options", [{"peepholes": True}, {"cell_layer_norm": True}, {"peepholes": True, "projection": 3}]
)
def test_the_lstm_of_rnnedge_is_read_out_with_its_options(options: dict[str, Any]) -> None:
    """Its hidden state is what the network goes on with, its cell ends as the state does, and c = f c + i g between."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("lstm", 3, 5, 2, **options)).eval()
    x = frames(3)
    watched = record_module(network, x)
    (layer,) = watched.recording.layers
    with torch.no_grad():
        h, ((_, c),) = network.hidden(torch.from_numpy(x)[None])
    np.testing.assert_allclose(layer.hidden, h[0].numpy(), rtol=0, atol=1e-6)
    np.testing.assert_allclose(layer.states["cell"][-1], c[0].numpy(), rtol=0, atol=1e-6)
    gates, cell = layer.gates, layer.states["cell"]
    held = gates["forget_gate"][1:] * cell[:-1] + gates["input_gate"][1:] * gates["candidate"][1:]
    np.testing.assert_allclose(cell[1:], held, rtol=0, atol=1e-6)
    decay = measured_decay(watched.parts[0])
    assert decay is not None and decay.left.shape[1] == 5


def test_a_front_end_is_no_layer() -> None:
    """Log-mel energies keep a state, and remember nothing."""
    torch.manual_seed(0)
    front = LogMel(sample_rate_hz=1000, window_ms=16, hop_ms=8, mels=4)
    network = RecurrentNetwork(NetworkConfig("gru", 1, 5, 2, front_end=(front,)))
    recording = record_module(network, frames(1, 200)).recording
    assert [layer.name for layer in recording.layers] == ["layers.0.l0"]
    assert len(recording.layers[0].hidden) == len(recording.outputs["y"]) < 200


def test_an_unknown_recurrence_is_shown_by_its_state() -> None:
    """A hand-written cell that gives (y, state), such as an Elman layer with a class of its own."""
    torch.manual_seed(0)

    class Own(SigmoidRNN):
        def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            return super().forward(x, state)

    network = RecurrentNetwork(NetworkConfig("rnn_sigmoid", 3, 4, 2, num_layers=2)).eval()
    for layer in network.layers:
        layer.__class__ = Own
    x = frames(3)
    layers = record_module(network, x).recording.layers
    with torch.no_grad():
        h, _ = network.hidden(torch.from_numpy(x)[None])
    assert [layer.name for layer in layers] == ["layers.0", "layers.1"]
    np.testing.assert_allclose(layers[1].hidden, h[0].numpy(), rtol=0, atol=1e-6)
    assert not layers[1].gates and layers[1].cell == "Own"


def test_a_new_cell_registers_its_gates_in_one_place() -> None:
    """By one function for torch and one description, and then it has gates, a kept share and a half-life."""

    class Leaky(nn.Module):
        """h_t = (1 - z) h_{t-1} + z x_t, where the gate tells what is let in."""

        def __init__(self) -> None:
            super().__init__()
            self.z = nn.Parameter(torch.tensor([0.5, 0.25]))

        def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            h = torch.zeros_like(x[:, 0]) if state is None else state
            rows = []
            for x_t in x.unbind(1):
                h = (1 - self.z) * h + self.z * x_t
                rows.append(h)
            return torch.stack(rows, 1), h

    @reads(Leaky, start=lambda values: values["hidden"])
    def leaky(module: Leaky, x: Tensor, state: Any) -> Inner:
        y, _ = module(x, state)
        return Inner("Leaky", {"hidden": y}, {"update_gate": module.z.expand_as(y)})

    CELLS["Leaky"] = {"update_gate": Gate("z", "what is let in", keeps="complement")}
    try:
        (layer,) = record_module(Wrapped(Leaky()), frames(2)).recording.layers
        kept, half_life = kept_share(layer), gate_half_life(layer)
    finally:
        del CELLS["Leaky"], READERS[Leaky], STARTS[Leaky]
    assert layer.cell == "Leaky" and list(layer.gates) == ["update_gate"]
    assert kept is not None
    np.testing.assert_allclose(kept[1][3], [0.5, 0.75])
    np.testing.assert_allclose(half_life, [1.0, np.log(0.5) / np.log(0.75)], rtol=1e-6)


class Wrapped(nn.Module):
    """A recurrence within a network."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self.part = part

    def forward(self, x: Tensor) -> Tensor:
        """y of the part."""
        return self.part(x)[0]


def test_dropout_and_gradients_are_put_back() -> None:
    """Looking into a network that is being trained leaves it as it was."""
    module, _ = networks.build("gru-2")
    module.train()
    first = record_module(module, frames(networks.FEATURES)).recording
    again = record_module(module, frames(networks.FEATURES)).recording
    np.testing.assert_array_equal(first.outputs["y"], again.outputs["y"])
    assert module.training and module.rnn.training and all(p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("module", "x", "error", "words"),
    [
        (nn.Linear(3, 2), frames(3), ModelRefused, ["no recurrence found", "GRU"]),
        (
            Wrapped(nn.GRU(3, 2, batch_first=True, bidirectional=True)),
            frames(3),
            ModelRefused,
            ["part", "bidirectional"],
        ),
        (Wrapped(nn.GRU(3, 2, batch_first=True)), frames(4), ModelRefused, ["forward fails", "(1, 17, 4)"]),
        (Wrapped(nn.GRU(3, 2, batch_first=True)), frames(3)[:0], InputError, ["at least one frame"]),
        (Wrapped(nn.GRU(3, 2, batch_first=True)), frames(3) * np.nan, InputError, ["frame 0, feature 0", "nan"]),
    ],
    ids=["flat", "both-ways", "wide", "empty", "nan"],
)
def test_what_cannot_be_looked_into_is_said(
    module: nn.Module, x: Any, error: type[Exception], words: list[str]
) -> None:
    """In one line that names the place."""
    with pytest.raises(error) as caught:
        record_module(module, x)
    assert all(word in str(caught.value) for word in words), str(caught.value)
