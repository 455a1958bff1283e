"""Functions of PyTorch within a frame stream: places, pools, distances, distributions, products with vectors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Normal
from torch.nn import functional

from rnnedge_runtime import load


def places(x: Tensor) -> dict[str, Tensor]:
    """Values put and added at places, and taken from several axes."""
    put, rows = x.clone(), torch.triu_indices(4, 4)
    put[..., [1, 3]] = 0.5
    ends = x * 1
    ends[:, :, torch.tensor([0, -1])] = x[..., 2:4]
    twice = x.clone()
    twice[..., [2, 2]] = x[..., :2]
    pairs = x[..., :4, None] * x[..., None, 4:]
    return {
        "put": put,
        "from the end": ends,
        "the last of two stays": twice,
        "filled": x.index_fill(-1, torch.tensor([1, 2]), 0.7),
        "copied": x.index_copy(-1, torch.tensor([5, 1]), x[..., :2] * 3),
        "bands": torch.zeros_like(x[..., :3]).index_add(-1, torch.tensor([0, 0, 1, 1, 1, 2, 2, -1 % 3]), x),
        "added twice": x.index_add(-1, torch.tensor([0, 0, 1]), x[..., :3], alpha=2),
        "triangle": pairs[..., rows[0], rows[1]],
        "of two axes": x.unflatten(-1, (2, 4))[:, :, [0, 1, 1], [3, -1, 0]],
        "diagonal": torch.diagonal(pairs, dim1=-2, dim2=-1, offset=1),
    }


def pools(x: Tensor) -> dict[str, Tensor]:
    """Over features, though time stands where pools have their channels; pictures between their points."""
    picture = x.unflatten(-1, (2, 4)).transpose(1, 2)
    return {
        "max": functional.max_pool1d(x, 2),
        "mean": functional.avg_pool1d(x, 3, stride=2, padding=1),
        "power": functional.lp_pool1d(x, 2, 2),
        "adaptive": functional.adaptive_avg_pool1d(x, 3),
        "adaptive max": functional.adaptive_max_pool1d(x, 3),
        "between": functional.interpolate(x, size=16, mode="linear"),
        "between ends": functional.interpolate(x, size=5, mode="linear", align_corners=True),
        "picture": functional.interpolate(picture, scale_factor=(1.0, 2.0), mode="bilinear").transpose(1, 2),
    }


def others(x: Tensor) -> dict[str, Tensor]:
    """Products with vectors on either side, distances, slopes, and what distributions say."""
    vector, codes = torch.linspace(-1, 1, 4), torch.linspace(-2, 2, 40).reshape(10, 4)
    normal = Normal(x[..., :4], functional.softplus(x[..., 4:]) + 0.1)
    return {
        "score": x[..., :4] @ vector,
        "score of groups": x.unflatten(-1, (2, 4)) @ vector,
        "vector in front": vector @ x.unflatten(-1, (4, 2)),
        "far codes": torch.cdist(x[..., :4], codes),
        "many codes": torch.cdist(x[..., :4], codes.repeat(3, 1) + 5),
        "steps": torch.cdist(x[..., :4], codes, p=1.0),
        "slope": nn.RReLU().eval()(x),
        "likelihood": normal.log_prob(torch.zeros(4)),
        "action": normal.mean + normal.stddev,
        "entropy": Categorical(logits=x).entropy(),
    }


class Outputs(nn.Module):
    """A dict of functions of a frame."""

    def __init__(self, function: Callable[[Tensor], dict[str, Tensor]]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(batch, time, 8) to outputs of several sizes."""
        return self.function(x)


@pytest.mark.parametrize("function", [places, pools, others], ids=lambda function: function.__name__)
def test_functions_within_a_frame_stream_on_both_engines(
    function: Callable[[Tensor], dict[str, Tensor]], tmp_path: Path
) -> None:
    """Equal to PyTorch."""
    torch.manual_seed(0)
    module, x = Outputs(function), torch.randn(1, 30, 8)
    quickly.export(module, torch.randn(2, 9, 8), tmp_path / "net.onnx", form="step")
    expected = module(x)
    for provider in ("cpu", "native"):
        found = load(tmp_path / "net.onnx", provider=provider).run(x[0].numpy())
        assert isinstance(found, dict) and len(found) == len(expected)
        for (name, value), array in zip(expected.items(), found.values(), strict=True):
            np.testing.assert_allclose(array, value[0].numpy(), rtol=1e-5, atol=2e-6, err_msg=f"{provider}: {name}")
