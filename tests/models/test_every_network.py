"""Every cell, front end, connection and option exports, streams and equals PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from shares import those

from rnnedge.nn import Attention, Conv1d, Conv2d, NetworkConfig, RecurrentNetwork
from rnnedge_runtime import load

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "mingru": ("mingru", {"num_layers": 2, "layer_norm": True}),
    "minlstm": ("minlstm", {"num_layers": 2, "connection": "residual"}),
    "lru": ("lru", {"num_layers": 2, "connection": "highway", "layer_norm": True}),
    "conv1d": ("gru", {"front_end": (Conv1d(channels=6, dilation=2, norm=True),)}),
    "strides": ("gru", {"front_end": (Conv1d(channels=6, kernel=5, stride=2), Conv1d(channels=4, kernel=2, stride=3))}),
    "conv2d": ("rnn_tanh", {"front_end": (Conv2d(channels=2), Conv2d(channels=3, kernel=(2, 3), stride=(2, 2)))}),
    "kernel below the stride": ("gru", {"front_end": (Conv1d(channels=4, kernel=1, stride=2),)}),
    "highway": ("rnn_sigmoid", {"connection": "highway", "num_layers": 2}),
    "attention": ("lstm", {"attention": Attention(4, 2)}),
    "tokens": ("mingru", {"tokens": 9, "attention": Attention(3, 1)}),
    "all": (
        "lru",
        {"front_end": (Conv1d(channels=6, kernel=3, stride=2),), "attention": Attention(3, 2), "connection": "highway",
         "layer_norm": True, "num_layers": 2},
    ),
}  # fmt: skip
# Each cell, front end and connection once; "all" is what they are together.
NOW = [("minlstm", "native"), ("kernel below the stride", "native"), ("tokens", "native"), ("lru", "scan"),
       ("conv2d", "step")]  # fmt: skip
FORMS = [(name, "native") for name in CASES]
FORMS += [("mingru", "step"), ("lru", "scan"), ("lru", "step"), ("attention", "step"), ("conv2d", "step")]


@pytest.mark.parametrize(("name", "form"), those(NOW, FORMS))
def test_a_network_streams_as_it_was_trained(name: str, form: str, tmp_path: Path) -> None:
    """The proof of the export, and once more the frames of the file beside those of PyTorch."""
    torch.manual_seed(0)
    cell, options = CASES[name]
    network = RecurrentNetwork(NetworkConfig(cell, 5, 8, 3, **options)).eval()
    tokens = bool(network.config.tokens)
    x = torch.randint(9, (1, 36)) if tokens else torch.randn(1, 36, 5)
    report = quickly.export(network, x[:, :12], tmp_path / "m.onnx", form=form)
    assert report.verification.max_error <= 1e-5
    with torch.no_grad():
        expected = network(x)[0][0].numpy()
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy()), expected, rtol=0, atol=1e-5)
