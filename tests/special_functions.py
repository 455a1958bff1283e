"""Functions of two numbers, each (batch, time, 1), to be tried at zeros, halves, infinities and NaN."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Function = Callable[[Tensor, Tensor], Tensor]


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
    "softmax of a row of -inf": lambda v, w: _pair(v, w).masked_fill(_pair(w, v) > 0.7, -torch.inf).softmax(-1),
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
        _pair(v, w).clamp(-1e6, 1e6).masked_fill(_pair(w, v) > 0.7, -torch.inf).logsumexp(-1, keepdim=True)
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
    "heaviside": lambda v, w: torch.heaviside(v, w),
    "logit": lambda v, w: torch.logit(v, 0.25),
    "sign bit": lambda v, w: v.nan_to_num().signbit().float(),
    "copysign": lambda v, w: torch.copysign(v, w.nan_to_num()),
    "hypot": lambda v, w: torch.hypot(v.nan_to_num().clamp(-1e30, 1e30), w.nan_to_num()),
    "rounded to hundredths": lambda v, w: v.clamp(-1e4, 1e4).round(decimals=2),
    "whole numbers rounded": lambda v, w: (
        torch.floor(_whole(v)) - torch.round(_whole(v)) * 2 + torch.ceil(_whole(v)) - torch.trunc(_whole(v)) * 3
    ).float(),
    "exp2": lambda v, w: v.exp2(),
    "log10": lambda v, w: v.log10(),
    "sinc": lambda v, w: v.clamp(-100, 100).sinc(),
    "erfc": lambda v, w: v.erfc(),
    "xlogy": torch.xlogy,
    "larger number": torch.fmax,
    "smaller number": torch.fmin,
    "clamp between tensors": lambda v, w: torch.clamp(v, w, w + 1),
    "bounds that cross": lambda v, w: v.clamp(1, -1),
    "lerp": lambda v, w: torch.lerp(v.clamp(-1e9, 1e9), w.clamp(-1e9, 1e9), 0.7),
    "is close": lambda v, w: torch.isclose(v, w).float(),
    "truth": lambda v, w: v.bool().float(),
    "to bytes": lambda v, w: v.clamp(0, 255).nan_to_num().to(torch.uint8).float(),
    "through half": lambda v, w: v.half().float(),
    "through bfloat16": lambda v, w: v.bfloat16().float(),
    "spread": lambda v, w: _pair(v, w).clamp(-1e6, 1e6).std(-1, keepdim=True),
    "largest size": lambda v, w: _pair(v, w).nan_to_num().norm(torch.inf, dim=-1, keepdim=True),
    "how many": lambda v, w: torch.count_nonzero(_pair(v, w), -1)[..., None].float(),
    "largest so far": lambda v, w: _pair(v, w).nan_to_num().cummax(-1).values,
    "log of sums so far": lambda v, w: _pair(v, w).clamp(-1e6, 1e6).logcumsumexp(-1),
    "largest of a window": lambda v, w: _windows(torch.cat([v, w, v], -1).nan_to_num()),
}


def _windows(x: Tensor) -> Tensor:
    return functional.max_pool1d(x.flatten(0, 1)[:, None], 2, 1, 1).reshape(*x.shape[:2], -1)
