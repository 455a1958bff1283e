"""Attention over a bounded window streams from caches of its keys and values; other attention is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attention
import numpy as np
import pytest
import quickly
import torch
from attention import WINDOW, Attention, X, distances
from shares import one_in, those
from torch import Tensor

import rnnedge_export
from rnnedge_export.session import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime import ModelRefused, load
from rnnedge_runtime.loader import load_bytes


def export(name: str, form: str, path: Path) -> rnnedge_export.Report:
    """Export a network of attention.py."""
    module, example = attention.build(name)
    return quickly.export(module, example, path, form=form)


@pytest.mark.parametrize("name", those(("fused", "rotated", "torch"), attention.ATTENTION))
def test_a_network_with_attention_streams(name: str, tmp_path: Path) -> None:
    """Verified by the export, and once more here: frame by frame against PyTorch."""
    report = export(name, "native", tmp_path / "m.onnx")
    assert report.verification.max_error <= 1e-5
    module, example = attention.build(name)
    x = torch.randn(1, 61, *example.shape[2:], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = module(x)[0].numpy()
    stream = load(tmp_path / "m.onnx").stream()
    found = [stream.push(frame[None]) for frame in x[0].numpy()] + [stream.finish()]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "form"), one_in(2, [("masked", "step"), ("learned", "step"), ("biased", "unrolled"), ("framed", "step")])
)
def test_every_form_has_attention(name: str, form: str, tmp_path: Path) -> None:
    """A fixed number of frames, and one."""
    assert export(name, form, tmp_path / "m.onnx").verification.max_error <= 1e-5


def test_a_frame_does_not_wait_and_the_window_is_the_cache(tmp_path: Path) -> None:
    """No lookahead; keys, values and what tells them from nothing, of the frames before this one."""
    contract = export("masked", "step", tmp_path / "m.onnx").contract
    assert contract.lookahead == 0
    assert [state.shape for state in contract.states] == [
        ("batch", 4, 4, WINDOW - 1),
        ("batch", 1, 1, WINDOW - 1),
        ("batch", 4, WINDOW - 1, 4),
    ]
    assert export("unfolded", "native", tmp_path / "u.onnx").contract.lookahead == 0


def test_one_frame_needs_no_mask(tmp_path: Path) -> None:
    """In the step form the window alone is the mask: nothing computes it."""
    import onnx

    export("masked", "step", tmp_path / "m.onnx")
    kinds = {node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node}
    assert not kinds & {"Range", "Where", "Less", "GreaterOrEqual", "Not", "And", "Shape"}


def whole(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every frame meets every other."""
    return (q @ k.transpose(-1, -2)).softmax(-1) @ v


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every frame meets all before it."""
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def ahead(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Every frame meets its neighbours."""
    scores = q @ k.transpose(-1, -2)
    return scores.masked_fill(distances(q.shape[2]).abs() > 2, float("-inf")).softmax(-1) @ v


def absolute(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """A bias by the number of the frame."""
    scores = q @ k.transpose(-1, -2) + torch.sin(distances(q.shape[2]).float() * torch.arange(q.shape[2])[:, None])
    return scores.masked_fill(~attention.band(q.shape[2]), float("-inf")).softmax(-1) @ v


def plain(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """No softmax at all."""
    return q @ k.transpose(-1, -2) @ v


@pytest.mark.parametrize(
    ("meet", "words"),
    [
        (whole, "ahead; bound its window"),
        (causal, "attention over the whole past, which grows without bound .*; bound its window"),
        (ahead, "attention looks 2 frames ahead"),
        (absolute, "depends on more than their distance"),
        (plain, "no softmax over the frames follows; bound its window"),
    ],
)
def test_attention_without_a_bound_is_refused(meet: object, words: str, tmp_path: Path) -> None:
    """With what it does, and how to bound it."""
    with pytest.raises(ModelRefused, match=words):
        quickly.export(Attention(meet).eval(), X, tmp_path / "m.onnx")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(-1, -2) / 2


def _later(scores: Tensor) -> Tensor:
    return scores.masked_fill(distances(scores.shape[-1]) < 0, float("-inf"))


def _outside(scores: Tensor) -> Tensor:
    return ~attention.band(scores.shape[-1])


NO_MASKS: dict[str, Callable[[Tensor], Tensor]] = {
    "a square of the distance": lambda s: _later(s - distances(s.shape[-1]).float() ** 2),
    "a steep line": lambda s: _later(s - 300 * distances(s.shape[-1]).float()),
    "an exponential that ends": lambda s: _later(s - (distances(s.shape[-1]).float().clamp(0, 12)).exp()),
    "a small number is added": lambda s: _later(s - 1e4 * _outside(s).float()),
    "a small number in place": lambda s: _later(s.masked_fill(_outside(s), -1e4)),
}
MASKS: dict[str, Callable[[Tensor], Tensor]] = {
    "minus infinity is added": lambda s: s + torch.zeros(s.shape[-2:]).masked_fill(_outside(s), float("-inf")),
    "the lowest number in place": lambda s: s.masked_fill(_outside(s), torch.finfo(torch.float32).min),
    "a large number is added": lambda s: s - 1e9 * _outside(s).float(),
    "a large number in place": lambda s: s.masked_fill(_outside(s), -1e9),
    "scores have an end": lambda s: (50 * torch.tanh(s / 50)).masked_fill(_outside(s), -1e4),
}


@pytest.mark.parametrize("name", one_in(5, NO_MASKS))
def test_a_bias_that_loud_frames_outweigh_is_no_window(name: str, tmp_path: Path) -> None:
    """Though with quiet frames the weights underflow, and a window of a few frames would be proven."""
    make = NO_MASKS[name]
    with pytest.raises(ModelRefused, match=r"whole past.*a bias that falls with the distance masks nothing.*-inf"):
        quickly.export(Attention(lambda q, k, v: make(_scores(q, k)).softmax(-1) @ v).eval(), X, tmp_path / "m.onnx")


@pytest.mark.parametrize("name", one_in(5, MASKS))
def test_a_mask_holds_for_loud_frames_too(name: str, tmp_path: Path) -> None:
    """The file is the module for frames of 1, 30 and 1,000 times the size; the window is that of the mask."""
    make = MASKS[name]
    torch.manual_seed(11)
    module = Attention(lambda q, k, v: make(_scores(q, k)).softmax(-1) @ v).eval()
    with of_module(module, X, say=lambda _: None) as session:
        model = load_bytes(session.candidate(ExportOptions(), "m").stamped(), "m", trust="local")
    assert {state.shape[-1] for state in model.contract.states if "keys" in state.input} == {WINDOW - 1}
    for loud in (1, 30, 1000):
        x = loud * torch.randn(1, 40, attention.WIDTH)
        with torch.no_grad():
            expected = module(x)[0].numpy()
        np.testing.assert_allclose(model.run(x[0].numpy()), expected, rtol=0, atol=1e-5 * np.abs(expected).max())
