"""Functions of PyTorch within a frame, as the native engine computes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import quickly
import torch
from torch import nn

from rnnedge_runtime import load


class Functions(nn.Module):
    """Powers of any exponents; whole numbers of every width, divided, shifted, put at their places."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """(batch, time, 8) to outputs of several sizes."""
        above, whole = x.abs() + 0.1, (x * 10).to(torch.int64)
        best = x.argmax(-1, keepdim=True)
        return {
            "compressed": above**0.3 + above**-0.5 + x**4,
            "exponents": above ** torch.sigmoid(x) + 2.0**x,
            "exponent of each feature": above ** torch.linspace(-2, 2, 8),
            "quotients": whole // 3 + whole % 3,
            "of 32 bits": torch.div(whole.to(torch.int32), 4, rounding_mode="trunc"),
            "bits": (whole.abs() << 2) ^ (whole.abs() >> 1),
            "bytes": (x.clamp(0, 1) * 255).to(torch.uint8).float() / 255,
            "samples": (x.clamp(-1, 1) * 32767).to(torch.int16).float() / 32768,
            "bytes around": ((x.clamp(0, 1) * 255).to(torch.uint8) + 100).float(),
            "samples around": ((x.clamp(-1, 1) * 32767).to(torch.int16) * 3).abs().float(),
            "flipped bits": (~(x.clamp(0, 1) * 255).to(torch.uint8)).float(),
            "mask": torch.zeros_like(x).scatter(-1, best, 1.0),
            "ring": nn.functional.pad(x, (2, 3), "circular"),
        }


def test_functions_of_a_frame_are_those_of_torch(tmp_path: Path) -> None:
    """One file in step form with an output each."""
    torch.manual_seed(0)
    quickly.export(Functions(), torch.randn(2, 9, 8), tmp_path / "net.onnx", form="step")
    x = torch.randn(50, 8)
    expected = Functions()(x[None])
    found = load(tmp_path / "net.onnx", provider="native").run(x.numpy())
    assert isinstance(found, dict) and len(found) == len(expected)
    for (name, value), array in zip(expected.items(), found.values(), strict=True):
        np.testing.assert_allclose(array, value[0].numpy(), rtol=2e-6, atol=1e-6, err_msg=name)
