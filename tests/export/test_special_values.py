"""At zeros, halves, multiples, infinities and NaN a file gives what torch gives, on both engines.

Random frames never are one of these, and frames that are not finite are refused; so the infinities are made inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from native_library import compile_library
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_export.session import ExportOptions, ExportSession
from rnnedge_export.sources import of_module
from rnnedge_runtime import Model, load
from rnnedge_runtime.contract import Array
from rnnedge_runtime.loader import load_bytes

Function = Callable[[Tensor, Tensor], Tensor]
_INF = float("inf")
_HUGE = 1e38
# Where the tangent and the sigmoid of onnxruntime are above 1.
_ABOVE = (8.22923, 8.5444, 8.69989, 8.84186, 8.95655, 8.99997, 17.844, 17.87294, 17.89196)
_VALUES = (*_ABOVE, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.3, -0.7, 3.0, -3.0, 6.0, -7.25, 1e-20,
           20.5, -20.5, 88.0, 89.0, -89.0, 120.0, -104.0, 1e10, -1e10, 8388609.0, 16777217.0)  # fmt: skip
_SECOND = (0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.1, -0.1, 3.0, -0.75, 100.0, -100.0, 1e30)
# A number as a product of three: infinity of huge ones, NaN of infinity and 0.
_MADE = ((_HUGE, _HUGE, 1.0), (-_HUGE, _HUGE, 1.0), (_HUGE, _HUGE, 0.0))


def _pair(v: Tensor, w: Tensor) -> Tensor:
    return torch.cat([v, w], -1)


def _whole(v: Tensor) -> Tensor:
    return (v.clamp(-1e5, 1e5) * 3).nan_to_num().long()


ON_BOTH: dict[str, Function] = {
    "add": lambda v, w: v + w,
    "mul": lambda v, w: v * w,
    "div": lambda v, w: v / w,
    "neg": lambda v, w: -v,
    "abs": lambda v, w: v.abs(),
    "reciprocal": lambda v, w: v.reciprocal(),
    "square": lambda v, w: v**2,
    "cube": lambda v, w: v**3,
    "root as a power": lambda v, w: v**0.5,
    "sqrt": lambda v, w: v.sqrt(),
    "exp": lambda v, w: v.exp(),
    "log": lambda v, w: v.log(),
    "log1p": lambda v, w: v.log1p(),
    "log above an epsilon": lambda v, w: (v.relu() + 1e-10).log(),
    "over an epsilon": lambda v, w: v.clamp(-1, 1) / (v.abs() + 1e-9),
    "a factor near one": lambda v, w: v.clamp(-8, 8) * 1.000009 - v.clamp(-8, 8),
    "floor": lambda v, w: v.floor(),
    "sign": lambda v, w: v.sign(),
    "floats // floats": lambda v, w: v // w,
    "floats // number": lambda v, w: v // 0.1,
    "floats % floats": torch.remainder,
    "floats % number": lambda v, w: v % -2.5,
    "phase % 2 pi": lambda v, w: v % 6.283185307,
    "fmod": torch.fmod,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "clamp": lambda v, w: v.clamp(-1, 1),
    "clamp below": lambda v, w: v.clamp(min=0.25),
    "clamps that do not meet": lambda v, w: v.clamp(0, 1).clamp(2, 3),
    "relu of a clamp below it": lambda v, w: v.clamp(-3, -1).relu(),
    "relu": lambda v, w: v.relu(),
    "relu6": lambda v, w: functional.relu6(v),
    "hardtanh": lambda v, w: functional.hardtanh(v),
    "hardswish": lambda v, w: functional.hardswish(v),
    "hardsigmoid": lambda v, w: functional.hardsigmoid(v),
    "leaky relu": lambda v, w: functional.leaky_relu(v),
    "elu": lambda v, w: functional.elu(v),
    "sigmoid": lambda v, w: v.sigmoid(),
    "tanh": lambda v, w: v.tanh(),
    "arc of tanh": lambda v, w: v.tanh().acos().isnan().float(),
    "root of what tanh leaves": lambda v, w: (1 - v.tanh() ** 2).sqrt().isnan().float(),
    "log of what a sigmoid leaves": lambda v, w: (1 - v.sigmoid()).log().isnan().float(),
    "softplus": lambda v, w: functional.softplus(v),
    "log of sigmoid": lambda v, w: functional.logsigmoid(v),
    "logaddexp": torch.logaddexp,
    "silu": lambda v, w: functional.silu(v),
    "softmax": lambda v, w: _pair(v, w).softmax(-1),
    "softmax of a row of -inf": lambda v, w: _pair(v, w).masked_fill(_pair(w, v) > 0.7, -_INF).softmax(-1),
    "equal": lambda v, w: (v == w).float(),
    "less": lambda v, w: (v < w).float(),
    "at least": lambda v, w: (v >= w).float(),
    "where": lambda v, w: torch.where(v > w, v, w),
    "masked fill": lambda v, w: v.masked_fill(w > 0, -5.0),
    "sum": lambda v, w: _pair(v, w).sum(-1, keepdim=True),
}
ON_ONNXRUNTIME: dict[str, Function] = {
    "atan2": torch.atan2,
    "angle": lambda v, w: torch.angle(torch.complex(v, w)),
    "angle of a real": lambda v, w: torch.angle(v),
    "power of what a sigmoid leaves": lambda v, w: ((1 - v.sigmoid()) ** 0.3).isnan().float(),
    "power": lambda v, w: v**w,
    "to the 0": lambda v, w: v**0,
    "to the -1": lambda v, w: v**-1,
    "2 to the": lambda v, w: 2.0**v,
    "rsqrt": lambda v, w: v.rsqrt(),
    "log2": lambda v, w: v.log2(),
    "expm1": lambda v, w: v.expm1(),
    "round": lambda v, w: v.round(),
    "ceil": lambda v, w: v.ceil(),
    "trunc": lambda v, w: v.trunc(),
    "frac": lambda v, w: v.clamp(-1e9, 1e9).frac(),
    "rounded down": lambda v, w: torch.div(v, w, rounding_mode="floor"),
    "rounded to zero": lambda v, w: torch.div(v, w, rounding_mode="trunc"),
    "integers // number": lambda v, w: (_whole(v) // -4).float(),
    "integers // integers": lambda v, w: (_whole(v) // -(_whole(w).abs() + 2)).float(),
    "integers % number": lambda v, w: (_whole(v) % -4).float(),
    "integers % integers": lambda v, w: (_whole(v) % -(_whole(w).abs() + 2)).float(),
    "integers rounded to zero": lambda v, w: torch.div(_whole(v), -4, rounding_mode="trunc").float(),
    "large integers rounded down": lambda v, w: (
        torch.div(_whole(v) + 1_099_511_627_777, 2, rounding_mode="floor") - 549_755_813_888
    ).float(),
    "integers / number": lambda v, w: _whole(v) / 4,
    "logaddexp2": torch.logaddexp2,
    "log softmax": lambda v, w: _pair(v, w).log_softmax(-1),
    "logsumexp of -inf": lambda v, w: (
        _pair(v, w).clamp(-1e6, 1e6).masked_fill(_pair(w, v) > 0.7, -_INF).logsumexp(-1, keepdim=True)
    ),
    "gelu by tanh": lambda v, w: functional.gelu(v.clamp(-1e4, 1e4), approximate="tanh"),
    "mish": lambda v, w: functional.mish(v.clamp(-1e4, 1e4)),
    "selu": lambda v, w: functional.selu(v),
    "celu": lambda v, w: functional.celu(v, 2.0),
    "softsign": lambda v, w: functional.softsign(v.clamp(-1e30, 1e30)),
    "hardshrink": lambda v, w: functional.hardshrink(v),
    "softshrink": lambda v, w: functional.softshrink(v),
    "threshold": lambda v, w: functional.threshold(v, 0.5, -2.0),
    "first of equal maxima": lambda v, w: torch.cat([_pair(v, w), v], -1).nan_to_num().argmax(-1, keepdim=True).float(),
    "first of equal minima": lambda v, w: torch.cat([_pair(v, w), v], -1).nan_to_num().argmin(-1, keepdim=True).float(),
    "largest": lambda v, w: _pair(v, w).nan_to_num().amax(-1, keepdim=True),
    "is nan": lambda v, w: v.isnan().float(),
    "is inf": lambda v, w: v.isinf().float(),
    "numbers for nan": lambda v, w: v.nan_to_num(1.0, 2.0, -3.0),
    "to integers": lambda v, w: v.clamp(-1e9, 1e9).nan_to_num().long().float(),
    "mean": lambda v, w: _pair(v, w).mean(-1, keepdim=True),
    "product": lambda v, w: _pair(v, w).prod(-1, keepdim=True),
    "norm": lambda v, w: _pair(v, w).clamp(-1e9, 1e9).norm(dim=-1, keepdim=True),
    "normalized": lambda v, w: functional.normalize(_pair(v, w).clamp(-1e9, 1e9), dim=-1),
    "cumulative sum": lambda v, w: _pair(v, w).cumsum(-1),
    "asin": lambda v, w: v.asin(),
    "acos": lambda v, w: v.acos(),
    "erf": lambda v, w: v.erf(),
}


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
_SIGNED = {"mul", "div", "neg", "sqrt", "floor", "ceil", "round", "atan2", "angle", "reciprocal", "fmod"}


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
        padded = nn.functional.pad(x.transpose(1, 2), (2, 0), value=-_INF)
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
