"""Front ends, connections and attention are their equations, and run in pieces of any length."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test
from pydantic import TypeAdapter, ValidationError
from torch.nn import functional

from rnnedge.nn import Attention, Conv1d, Conv2d, NetworkConfig, RecurrentNetwork, WindowAttention
from rnnedge.nn._convolution import CausalConv1d, CausalConv2d
from rnnedge_runtime import InputError


def build(**options: Any) -> RecurrentNetwork:
    """A small network with seeded weights."""
    torch.manual_seed(0)
    return RecurrentNetwork(NetworkConfig("gru", 5, 8, 3, **options)).eval()


def in_pieces(module: torch.nn.Module, x: torch.Tensor, cuts: list[int]) -> torch.Tensor:
    """The outputs of one piece after the other."""
    state, parts = None, []
    with torch.no_grad():
        for part in x.split(cuts, dim=1):
            y, state = module(part, state)
            parts.append(y)
    return torch.cat(parts, 1)


@in_one_test(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 1, 4), (5, 2, 1), (2, 3, 1), (1, 4, 1)])
def test_a_convolution_over_time_is_torchs_behind_zeros(kernel: int, stride: int, dilation: int) -> None:
    """Frame j ends with frame (j + 1) stride - 1 of the input."""
    module = CausalConv1d(Conv1d("conv1d", 4, kernel, stride, dilation, "tanh"), 5)
    x = torch.randn(2, 23, 5)
    padded = functional.pad(x.transpose(1, 2), ((kernel - 1) * dilation, 0))
    every = functional.conv1d(padded, module.conv.weight, module.conv.bias, dilation=dilation)
    expected = every[:, :, stride - 1 :: stride].tanh().transpose(1, 2)
    torch.testing.assert_close(module(x)[0], expected)
    assert int(module.output_frames(torch.tensor(23))) == expected.shape[1]


def test_a_convolution_over_time_and_feature_is_torchs_behind_zeros() -> None:
    """Two maps of six features, zeros on both sides of the features and before the first frame."""
    module = CausalConv2d(Conv2d("conv2d", 3, (3, 3), (1, 2), (2, 1), "relu"), 12, maps=2)
    x = torch.randn(2, 9, 12)
    padded = functional.pad(x.reshape(2, 9, 2, 6).permute(0, 2, 1, 3), (1, 1, 4, 0))
    y = functional.conv2d(padded, module.conv.weight, module.conv.bias, (1, 2), dilation=(2, 1)).relu()
    assert module.out_features == 9
    torch.testing.assert_close(module(x)[0], y.permute(0, 2, 1, 3).reshape(2, 9, 9))


@pytest.mark.parametrize("window", [1, 3, 40])
def test_attention_is_the_sum_over_its_window(window: int) -> None:
    """Frame by frame and head by head."""
    module = WindowAttention(Attention(window, 2), 6)
    h = torch.randn(1, 17, 6)
    q, k, v = module.qkv(h)[0].reshape(17, 3, 2, 3).unbind(1)
    heads = torch.zeros(17, 2, 3)
    for t in range(17):
        seen = slice(max(t - window + 1, 0), t + 1)
        for head in range(2):
            weights = (k[seen, head] @ q[t, head] / 3**0.5).softmax(0)
            heads[t, head] = weights @ v[seen, head]
    torch.testing.assert_close(module(h)[0][0], h[0] + module.out(heads.flatten(1)))


def test_connections_are_their_equations() -> None:
    """y + x, T y + (1 - T) x; a matrix takes x to the size of y."""
    x = torch.randn(2, 6, 5)
    for name in ("residual", "highway"):
        network = build(connection=name)
        y, (connection,) = network.layers[0](x)[0], network.connections
        skipped = x @ connection.skip.weight.T
        if name == "residual":
            expected = y + skipped
        else:
            t = torch.sigmoid(connection.gate(x))
            assert float(t.detach().mean()) < 0.4
            expected = t * y + (1 - t) * skipped
        torch.testing.assert_close(network.hidden(x)[0], expected)


FRONTS = st.one_of(
    st.builds(Conv1d, channels=st.just(4), kernel=st.integers(1, 4), stride=st.integers(1, 3),
              dilation=st.integers(1, 3), norm=st.booleans()),
    st.builds(Conv2d, channels=st.just(2), kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
              stride=st.tuples(st.integers(1, 3), st.integers(1, 2)), norm=st.booleans()),
)  # fmt: skip


@given(
    fronts=st.lists(FRONTS, max_size=2),
    attention=st.none() | st.builds(Attention, st.integers(1, 5), st.sampled_from([1, 2, 4])),
    connection=st.sampled_from(["plain", "residual", "highway"]),
    cuts=st.lists(st.integers(1, 9), min_size=2, max_size=6),
)
@settings(max_examples=40)
def test_any_network_in_any_pieces_equals_the_whole(
    fronts: list[Any], attention: Attention | None, connection: str, cuts: list[int]
) -> None:
    """Strides leave pieces without a frame; the phase is in the state. And the config survives JSON."""
    config = {"front_end": tuple(fronts), "attention": attention, "connection": connection, "num_layers": 2}
    network = build(**config)
    x = torch.randn(2, sum(cuts) + 9, 5)
    with torch.no_grad():
        expected = network(x)[0]
    assert expected.shape[1] == int(network.output_frames(torch.tensor(x.shape[1])))
    torch.testing.assert_close(in_pieces(network, x, [*cuts, 9]), expected, rtol=0, atol=1e-5)
    read = TypeAdapter(NetworkConfig).validate_python(json.loads(json.dumps(asdict(network.config))))
    assert read == network.config


def test_rows_that_are_not_kept_begin_anew() -> None:
    """As a fresh sequence beside one that goes on."""
    network = build(front_end=(Conv1d(channels=4, kernel=5, stride=2),), attention=Attention(4, 2))
    x = torch.randn(2, 24, 5)
    with torch.no_grad():
        _, state = network(x[:, :12])
        y, _ = network(x[:, 12:], network.kept(state, torch.tensor([True, False])))
        torch.testing.assert_close(y[0], network(x)[0][0, 6:])
        torch.testing.assert_close(y[1], network(x[:, 12:])[0][1])


def test_a_last_output_needs_a_frame() -> None:
    """A stride of four leaves nothing of three frames."""
    with pytest.raises(InputError, match="found 3; give more frames"):
        build(output="last", front_end=(Conv1d(stride=4),))(torch.zeros(1, 3, 5))


@in_one_test(
    ("fields", "words"),
    [
        ({"front_end": [{"kind": "conv1d", "chanels": 3}]}, "chanels"),
        ({"front_end": [{"kind": "conv3d"}]}, "'conv1d'"),
        ({"front_end": [{"kind": "conv1d", "kernel": 0}]}, "kernel: expected at least 1, found 0"),
        ({"front_end": [{"kind": "conv2d", "activation": "sine"}]}, "activation: expected one of none, relu"),
        ({"connection": "dense"}, "connection: expected one of plain, residual, highway"),
        ({"attention": {"heads": 3}}, "heads that divide 8 features, found 3"),
    ],
)
def test_what_does_not_fit_is_named(fields: dict[str, Any], words: str) -> None:
    """Read from a file, by pydantic."""
    table = {"cell": "gru", "input_size": 5, "hidden_size": 8, "output_size": 3, **fields}
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(NetworkConfig).validate_python(table)
