"""Networks with windows, rates and delays stream as they compute in whole; verification inside the export says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
import windows
from shares import one_in

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_runtime import load

FIXED = ("same", "stride", "difference", "running-mean", "two-d", "unet", "windows-of-padding")


def export(name: str, form: str, path: Path, **options: Any) -> rnnedge_export.Report:
    """Export a network of windows.py."""
    module, example = windows.build(name)
    return quickly.export(module, example, path, form=form, time_axis=2 if name == "unet" else 1, **options)


@pytest.mark.parametrize("name", one_in(3, [name for name in windows.WINDOWS if name != "cumsum"]))
def test_a_network_with_windows_streams(name: str, tmp_path: Path) -> None:
    """At several lengths and batches, any chunking, one of them over 10,000 frames, within 1e-5 of PyTorch."""
    effort = Effort() if name == "causal" else quickly.effort()
    report = export(name, "native", tmp_path / "m.onnx", effort=effort)
    assert report.verification.max_error <= 1e-5


@pytest.mark.parametrize(
    ("name", "form"), one_in(4, [(name, form) for name in FIXED for form in ("scan", "unrolled", "step")])
)
def test_every_form_has_windows(name: str, form: str, tmp_path: Path) -> None:
    """Scan, a fixed number of frames, and the fewest frames a call."""
    assert export(name, form, tmp_path / "m.onnx").verification.max_error <= 1e-5


@pytest.mark.parametrize(
    ("name", "hop", "lookahead"),
    [
        ("causal", 1, 0),
        ("same", 1, 2),
        ("valid", 1, 5),
        ("stride", 4, 0),
        ("difference", 1, 1),
        ("upsample", 1, 0),
        ("windows-of-padding", 1, 0),
        ("windows-of-zeros", 2, 0),
    ],
)
def test_a_frame_leaves_as_soon_as_it_is_computable(name: str, hop: int, lookahead: int, tmp_path: Path) -> None:
    """After n frames pushed one by one, n - lookahead are out, counted at the output's rate."""
    report = export(name, "native", tmp_path / "m.onnx")
    assert (report.contract.hop, report.contract.lookahead) == (hop, lookahead)
    stream = load(tmp_path / "m.onnx").stream()
    rate = report.contract.outputs[0].clock.rate
    out = 0
    for pushed in range(1, 25):
        out += len(stream.push(np.zeros((1, windows.C), np.float32)))
        assert out == max(0, int((pushed // hop * hop - lookahead) * rate))


def test_a_convolution_that_is_cut_to_the_past_needs_to_know_no_end(tmp_path: Path) -> None:
    """Padding behind that is cut off right away costs neither a mask nor a delay."""
    contract = export("chomp", "native", tmp_path / "m.onnx").contract
    assert (contract.cursors, contract.lookahead) == ((), 0)


def test_a_sequence_shorter_than_the_lookahead_comes_at_the_end(tmp_path: Path) -> None:
    """One frame in, nothing out, and the one frame from finish."""
    export("same", "native", tmp_path / "m.onnx")
    module, _ = windows.build("same")
    x = torch.randn(1, 1, windows.C)
    stream = load(tmp_path / "m.onnx").stream()
    assert len(stream.push(x[0].numpy())) == 0
    with torch.no_grad():
        np.testing.assert_allclose(stream.finish(), module(x)[0].numpy(), rtol=0, atol=1e-6)


def test_a_stream_is_as_new_after_reset(tmp_path: Path) -> None:
    """Warm-up, held frames and delays begin again."""
    export("same-residual", "native", tmp_path / "m.onnx")
    model = load(tmp_path / "m.onnx")
    frames = np.random.default_rng(0).standard_normal((12, windows.C)).astype(np.float32)
    stream = model.stream()
    stream.push(frames[:7])
    stream.reset()
    found = np.concatenate([stream.push(frames), stream.finish()])
    np.testing.assert_array_equal(found, model.run(frames))


def test_a_waveform_network_gives_as_many_frames_as_its_module(tmp_path: Path) -> None:
    """From the shortest length on, at one that its strides do not divide too."""
    contract = export("unet", "native", tmp_path / "m.onnx").contract
    assert (contract.least, contract.grain) == (36, 1)
    module, _ = windows.build("unet")
    x = torch.randn(1, 1, 90)
    with torch.no_grad():
        expected = module(x)[0].numpy().T
    np.testing.assert_allclose(load(tmp_path / "m.onnx").run(x[0].numpy().T), expected, rtol=0, atol=1e-5)
