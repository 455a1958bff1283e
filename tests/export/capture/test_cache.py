"""A network is captured once for several exports, and two networks twice."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export import Effort
from rnnedge_export.capture import CaptureCache, ModuleAdapter, read_example
from rnnedge_export.capture.capture import capture


class Scaled(nn.Module):
    """A setting, a function, a weight and a buffer, each of which makes another network."""

    def __init__(self, factor: float = 2.0, inner: Any = torch.tanh, shift: float = 0.0) -> None:
        super().__init__()
        self.factor, self.inner = factor, inner
        self.weight = nn.Parameter(torch.ones(3))
        self.register_buffer("shift", torch.tensor(shift), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * self.weight * self.factor) + self.shift


class Namesake(Scaled):
    """Another class."""


Namesake.__qualname__ = Namesake.__name__ = "Scaled"
X = torch.zeros(1, 4, 3)


def test_the_same_network_is_captured_once_and_any_other_again() -> None:
    """Equal classes, settings, weights, buffers and examples are the same; one that differs in any of them is not."""
    made: list[object] = []
    cache = CaptureCache(lambda *given: made.append(given) or len(made))  # type: ignore[arg-type,return-value]
    heavier = Scaled()
    nn.init.zeros_(heavier.weight)
    first = _captured(cache, Scaled())
    assert [_captured(cache, same) for same in (Scaled(), copy.deepcopy(Scaled()))] == [first, first]
    others = (Scaled(3.0), Scaled(inner=torch.sigmoid), Scaled(shift=1.0), Namesake(), heavier)
    found = [first, *(_captured(cache, other) for other in others), _captured(cache, Scaled(), torch.zeros(1, 5, 3))]
    assert len(set(found)) == len(found)
    assert _captured(cache, Scaled(), opset=21) not in found


def test_only_exports_inside_of_it_share_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is the same byte for byte; after the cache an export captures again."""
    calls = []
    effort = Effort(lengths=(7,), batches=(1,), frames=64, signals=(), roads=())

    def counted(*given: Any) -> Any:
        calls.append(given)
        return capture(*given)

    def written(name: str, **options: Any) -> bytes:
        rnnedge_export.export(Scaled(), X, tmp_path / name, effort=effort, **options)
        return (tmp_path / name).read_bytes()

    cache = CaptureCache(counted)
    with cache:
        first = written("a.onnx")
        written("b.onnx", form="step")
        assert written("c.onnx") == first
    assert len(calls) == 1
    assert written("d.onnx") == first
    assert len(calls) == 1


def _captured(cache: CaptureCache, module: nn.Module, x: Tensor = X, opset: int = 20) -> object:
    example = read_example(x, 0, 1)
    return cache.captured(ModuleAdapter(module, example), example, opset)
