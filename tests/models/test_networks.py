"""RecurrentNetwork computes the papers' equations, streams, and exports."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test
from shares import those

from rnnedge.nn import CELLS, NetworkConfig, RecurrentNetwork
from rnnedge_export import Effort
from rnnedge_runtime import load
from rnnedge_runtime.contract import FORMS

# The cells whose gates read the last output.
RECURRENT = ("rnn_sigmoid", "rnn_tanh", "rnn_relu", "lstm", "gru")


def build(cell: str, layers: int = 1, **options: Any) -> RecurrentNetwork:
    """A small network with seeded weights, ready to be used."""
    torch.manual_seed(layers)
    return RecurrentNetwork(NetworkConfig(cell, 5, 7, 3, num_layers=layers, **options)).eval()


def numbers(time: int, batch: int = 1) -> torch.Tensor:
    """Seeded sequences (batch, time, 5)."""
    return torch.randn(batch, time, 5, generator=torch.Generator().manual_seed(time))


@in_one_test("layers", [1, 2, 3])
@in_one_test("cell", CELLS)
def test_a_network_computes_the_equations_of_its_cell(cell: str, layers: int) -> None:
    """PyTorch and the numpy equations agree to float32 rounding."""
    network = build(cell, layers)
    x = numbers(11)
    weights = {k: v.double().numpy() for k, v in network.state_dict().items()}
    expected = reference.network(cell, x[0].double().numpy(), weights, layers, 7)
    with torch.no_grad():
        actual = network(x)[0][0].numpy()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-6)


# Those of torch are layers of one form or another in tests/export/test_export.py too; the sigmoid cell is ours alone.
NOW = [("rnn_sigmoid", "native"), ("rnn_sigmoid", "unrolled"), ("lstm", "scan"), ("gru", "step")]


@pytest.mark.parametrize(("cell", "form"), those(NOW, product(RECURRENT, FORMS)))
def test_a_recurrence_streams_in_every_form(cell: str, form: str, tmp_path: Path) -> None:
    """10,000 chained frames of three layers stay within 1e-5 of PyTorch; the file of our sigmoid cell too."""
    network = build(cell, 3)
    report = quickly.export(network, numbers(4), tmp_path / "m.onnx", form=form, effort=Effort())
    drift = next(check for check in report.verification.checks if check.name == "drift")
    assert "10,000" in drift.detail
    assert drift.max_error <= 1e-5
    x = numbers(37)
    with torch.no_grad():
        expected = network(x)[0][0].numpy()
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy()), expected, rtol=0, atol=1e-5)


@given(cell=st.sampled_from(CELLS), cuts=st.lists(st.integers(1, 12), min_size=1, max_size=5))
@settings(max_examples=30)
def test_any_chunking_equals_the_whole(cell: str, cuts: list[int]) -> None:
    """The state that comes out of one call continues the sequence in the next."""
    network = build(cell, 2, layer_norm=True)
    x = numbers(sum(cuts), batch=2)
    with torch.no_grad():
        expected, _ = network(x)
        state, parts = None, []
        for part in x.split(cuts, dim=1):
            y, state = network(part, state)
            parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), expected, rtol=0, atol=1e-6)


def test_output_last_is_the_head_on_the_last_frame() -> None:
    """(batch, output), equal to the last of all frames."""
    last, frames = build("gru", output="last"), build("gru")
    with torch.no_grad():
        torch.testing.assert_close(last(numbers(6, 2))[0], frames(numbers(6, 2))[0][:, -1])


def test_features_are_normalized_inside() -> None:
    """Raw features in; (x - mean) / std is part of the network."""
    mean, std = (1.0, 2.0, 3.0, 4.0, 5.0), (0.5, 1.0, 2.0, 4.0, 8.0)
    network, plain = build("gru", mean=mean, std=std), build("gru")
    x = numbers(6)
    with torch.no_grad():
        expected = plain((x - torch.tensor(mean)) / torch.tensor(std))[0]
        torch.testing.assert_close(network(x)[0], expected)


def test_dropout_works_in_training_only() -> None:
    """Two calls differ while training and agree after eval()."""
    network = build("gru", 2, dropout=0.5)
    x = numbers(6)
    assert torch.equal(network(x)[0], network(x)[0])
    network.train()
    assert not torch.equal(network(x)[0], network(x)[0])


@in_one_test(
    ("change", "words"),
    [
        ({"cell": "qrnn"}, "cell: expected one of rnn_sigmoid"),
        ({"output": "first"}, "output: expected one of frames, last"),
        ({"hidden_size": 0}, "hidden_size: expected at least 1"),
        ({"dropout": 1.0}, "dropout"),
        ({"mean": (1.0,)}, "mean: expected 5 values, found 1"),
        ({"std": (1.0, 1.0, 0.0, 1.0, 1.0)}, "std: expected positive"),
    ],
)
def test_a_config_out_of_range_names_its_field(change: dict[str, Any], words: str) -> None:
    """ValueError before anything is built."""
    fields = {"cell": "gru", "input_size": 5, "hidden_size": 7, "output_size": 3, **change}
    with pytest.raises(ValueError, match=words):
        NetworkConfig(**fields)
