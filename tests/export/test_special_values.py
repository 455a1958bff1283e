"""At zeros, halves, multiples, infinities and NaN a file gives what torch gives, on both engines.

Random frames never are one of these, and frames that are not finite are refused; so the infinities are made inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from native_library import compile_library
from special_functions import ON_BOTH, ON_ONNXRUNTIME, Function
from torch import Tensor, nn

from rnnedge_export.session import ExportOptions, ExportSession
from rnnedge_export.sources import of_module
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array
from rnnedge_runtime.loader import load_bytes

_HUGE = 1e38
# Where the tangent and the sigmoid of onnxruntime are above 1.
_ABOVE = (8.22923, 8.5444, 8.69989, 8.84186, 8.95655, 8.99997, 17.844, 17.87294, 17.89196)
_VALUES = (*_ABOVE, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.3, -0.7, 3.0, -3.0, 6.0, -7.25, 1e-20,
           20.5, -20.5, 88.0, 89.0, -89.0, 120.0, -104.0, 1e10, -1e10, 8388609.0, 16777217.0)  # fmt: skip
_SECOND = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.1, -0.1, 3.0, -0.75, 100.0, -100.0, 1e30)
# A number as a product of three: infinity of huge ones, NaN of infinity and 0.
_MADE = ((_HUGE, _HUGE, 1.0), (-_HUGE, _HUGE, 1.0), (_HUGE, _HUGE, 0.0))


class _Every(nn.Module):
    """Every function of one table, at (v, w): special ones where the frame's first number is above 40.

    Random frames, which a proof and the golden sample use, stand for numbers in 0 ... 0.5 instead. A `where` between
    the two would lose the sign of -0.
    """

    def __init__(self, functions: dict[str, Function]) -> None:
        super().__init__()
        self.functions = functions

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        special = (x[..., :1] > 40).float()

        def number(first: int) -> Tensor:
            a, b, c = x[..., first : first + 3].split(1, -1)
            return -((-(a * b * c)) * special + -(1 - special) * (1 / (a.abs() + 2)))

        v, w = number(1), number(4)
        return {f"y{k}": function(v, w) for k, function in enumerate(self.functions.values())}


def _frames() -> Array:
    first, second = ([(v, 1.0, 1.0) for v in values] + list(_MADE) for values in (_VALUES, _SECOND))
    return np.array([(100.0, *v, *w) for v in first for w in second], np.float32)


def _differences(model: Model, functions: dict[str, Function], signed_zeros: bool) -> list[str]:
    frames = _frames()
    with torch.no_grad():
        expected = _Every(functions)(torch.from_numpy(frames)[None])
    found = model.stream().push(frames)
    assert isinstance(found, dict)
    wrong = []
    for k, name in enumerate(functions):
        right, actual = expected[f"y{k}"][0].numpy(), found[f"y{k}"]
        with np.errstate(invalid="ignore"):
            close = np.abs(actual - right) <= 1e-5 * np.maximum(1, np.abs(right))
        same = close | (actual == right) | (np.isnan(actual) & np.isnan(right))
        if signed_zeros and name in _SIGNED:
            same &= (right != 0) | (np.signbit(actual) == np.signbit(right))
        if not same.all():
            row = int(np.argmin(same.all(-1)))
            wrong.append(f"{name} at {frames[row, 1:]}: {actual[row]}, torch {right[row]}")
    return wrong


# Functions that say whether their 0 is one of the left or of the right side of something.
_SIGNED = {"mul", "div", "neg", "sqrt", "floor", "ceil", "round", "atan2", "angle", "reciprocal", "fmod", "copysign"}


@pytest.fixture(scope="module")
def session() -> Iterator[ExportSession]:
    """Every function of both tables, captured once."""
    functions = ON_BOTH | ON_ONNXRUNTIME
    with of_module(_Every(functions).eval(), torch.randn(1, 8, 7), say=lambda _: None) as captured:
        yield captured


@pytest.mark.parametrize("form", ["native", "step"])
def test_special_values_on_onnxruntime(form: str, session: ExportSession) -> None:
    """Every function, zeros with their signs where a kernel can keep them."""
    data = session.candidate(ExportOptions(form), "special").stamped()
    assert _differences(load_bytes(data, "special", trust="local"), ON_BOTH | ON_ONNXRUNTIME, True) == []


def test_special_values_on_the_native_engine(tmp_path: Path) -> None:
    """Every function that it has; its zeros have no sign."""
    with of_module(_Every(ON_BOTH).eval(), torch.randn(1, 8, 7), say=lambda _: None) as session:
        data = session.candidate(ExportOptions(), "special").stamped()
    (tmp_path / "special.onnx").write_bytes(data)
    compile_library(data, tmp_path, stem="special")
    model = load(tmp_path / "special.onnx", provider="native", trust="local")
    assert _differences(model, ON_BOTH, False) == []


def test_a_wrong_value_would_be_seen() -> None:
    """The comparison finds a phase of the wrong sign, and a quotient that is one too large."""
    functions: dict[str, Function] = {"atan2": torch.atan2, "//": torch.floor_divide}
    wrong: dict[str, Function] = {
        "atan2": lambda v, w: torch.where(w < 0, torch.atan(v / w) + torch.where(v > 0, 3.1415927, -3.1415927), 0.0),
        "//": lambda v, w: (v / w).floor(),
    }
    with of_module(_Every(wrong).eval(), torch.randn(1, 8, 7), say=lambda _: None) as session:
        model = load_bytes(session.candidate(ExportOptions(), "wrong").stamped(), "wrong", trust="local")
    assert len(_differences(model, functions, False)) == 2


class LargestSoFar(nn.Module):
    """The largest of three frames, minus infinity in front of the first."""

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.functional.pad(x.transpose(1, 2), (2, 0), value=-torch.inf)
        return nn.functional.max_pool1d(padded, 3, 1).transpose(1, 2)


def test_a_state_may_begin_with_an_infinity(tmp_path: Path) -> None:
    """The contract holds it, and a snapshot of the first frames has it."""
    quickly.export(LargestSoFar(), torch.randn(2, 9, 3), tmp_path / "net.onnx")
    model, x = load(tmp_path / "net.onnx"), np.random.default_rng(0).standard_normal((5, 3), np.float32)
    stream, other = model.stream(), model.stream()
    stream.push(x[:1])
    other.restore(stream.snapshot())
    np.testing.assert_array_equal(other.push(x[1:]), stream.push(x[1:]))
    assert np.isneginf(model.contract.states[0].initial).all()
    assert model.pool(2).batched
