"""Totals, means and frame numbers after 10^8 frames, by jumping there: the error is that of a rounding, as at first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import quickly
import torch
from both_engines import ENGINES, Pair, pair_of
from torch import Tensor, nn

from rnnedge_runtime.contract import Array

FAR = 10**8
FRAMES, MEAN = 6000, 0.37


class Long(nn.Module):
    """Everything that adds up over time, of the same frames."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        time = x.shape[1]
        number = torch.arange(1, time + 1, dtype=x.dtype)[None, :, None]
        total = x.cumsum(1)
        return {
            "total": total,
            "mean": total / number,
            "number": x * 0 + number,
            "half": x * 0 + torch.arange(0, 0.5 * time, 0.5)[None, :time, None],
            "whole": x * 0 + torch.arange(time)[None, :, None],
            "ones": (x * 0 + 1).cumsum(1),
            "sum": x.sum(1),
            "average": x.mean(1),
        }


@pytest.fixture(scope="module", params=["native", "step"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The network on both engines."""
    path = tmp_path_factory.mktemp("long") / "totals.onnx"
    quickly.export(Long().eval(), torch.randn(1, 16, 2), path, form=request.param)
    return pair_of(path)


def _frames() -> Array:
    return (np.random.default_rng(4).standard_normal((FRAMES, 2)) + MEAN).astype(np.float32)


@dataclass
class _Far:
    """What stands after `FAR` frames of mean `MEAN`, in float64."""

    total: float = FAR * MEAN + 0.123456789
    count: int = FAR

    def states(self, shapes: dict[str, tuple[int, ...]], dtypes: dict[str, str]) -> dict[str, Array]:
        """By the names of the file's states: numbers, totals and means, and what their float32 lacks."""
        found = {}
        for name, shape in shapes.items():
            exact = float(self.count)
            if "total" in name or "sum" in name:
                exact = self.count if name.endswith("_1") else self.total
            elif "mean" in name:
                exact = self.total / self.count
            high = np.asarray(exact, dtypes[name])
            value = exact - float(high) if ".rest" in name else high
            found[name] = np.full(shape, value, dtypes[name])
        return found


def _started(pair: Pair, engine: str) -> tuple[object, _Far]:
    model = getattr(pair, engine)
    far = _Far()
    shapes = {s.input: tuple(1 if isinstance(d, str) else d for d in s.shape) for s in model.contract.states}
    dtypes = {s.input: s.dtype for s in model.contract.states}
    return model.stream(states=far.states(shapes, dtypes)), far


@pytest.mark.parametrize("cut", [1, 7, 1024])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_error_does_not_grow_with_the_stream(engine: str, cut: int, pair: Pair) -> None:
    """Frame by frame, in small and in large pieces: within two roundings of float64, 10^8 frames on."""
    x = _frames()[: FRAMES if cut > 1 else 1500]
    stream, far = _started(pair, engine)
    parts = [stream.push(x[k : k + cut]) for k in range(0, len(x), cut)]  # type: ignore[attr-defined]
    end = stream.finish()  # type: ignore[attr-defined]
    found = {n: np.concatenate([p[n] for p in (*parts, end)]) for n in parts[0] if n not in ("sum", "average")}
    found |= {n: end[n] for n in ("sum", "average")}
    numbers = far.count + 1.0 + np.arange(len(x))[:, None]
    total = far.total + x.astype(np.float64).cumsum(0)
    expected = {
        "total": total,
        "mean": total / numbers,
        "number": numbers + 0 * x,
        "half": (numbers - 1) / 2 + 0 * x,
        "whole": numbers - 1 + 0 * x,
        "ones": numbers + 0 * x,
        "sum": total[-1:],
        "average": (total / numbers)[-1:],
    }
    for name, right in expected.items():
        np.testing.assert_allclose(found[name], right, rtol=2.5e-7, atol=0, err_msg=name)


def test_a_total_without_its_rest_would_be_seen() -> None:
    """In float32 alone the same sum is off by a thousand times as much."""
    total = np.float32(_Far().total)
    for value in _frames()[:, 0]:
        total += value
    exact = _Far().total + _frames()[:, 0].astype(np.float64).sum()
    assert abs(float(total) - exact) / exact > 2.5e-6


def test_counting_states_are_whole_numbers(pair: Pair) -> None:
    """They count up to 2^63."""
    dtypes = {state.input: state.dtype for state in pair.cpu.contract.states}
    assert {dtypes[name] for name in dtypes if "number" in name or "count" in name} == {"int64"}
    assert all(dtype == "float32" for name, dtype in dtypes.items() if "rest" in name)


SCALES: dict[str, Callable[[Array], Array]] = {
    "ones": lambda x: np.ones_like(x),
    "a large mean": lambda x: x + 1000,
    "both signs": lambda x: x - np.float32(MEAN),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", SCALES)
def test_a_total_from_the_beginning(name: str, engine: str, pair: Pair) -> None:
    """Over 6,000 frames one by one: the total of torch, which sums in float64."""
    x = SCALES[name](_frames())
    stream = getattr(pair, engine).stream()
    found = np.concatenate([stream.push(x[k : k + 1])["total"] for k in range(len(x))])
    expected = torch.from_numpy(x).cumsum(0).numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-7 * np.abs(expected).max())
