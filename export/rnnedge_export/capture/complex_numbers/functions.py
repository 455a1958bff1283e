"""Functions of one complex number, and powers, from its parts.

The sources are DLMF, chapter 4: 4.2.2 (logarithm), 4.2.26 (powers), 4.21 (sine, cosine), 4.35 (tanh).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rnnedge_export.capture.complex_numbers.pairs import Pair, Rule, absolute, angle, is_complex, multiplied, pair
from rnnedge_runtime.errors import ModelRefused


def _exp(z: Pair) -> Pair:
    size = z.real.exp()
    return Pair(size * z.imag.cos(), size * z.imag.sin())


def _sgn(z: Pair) -> Pair:
    size = absolute(z)
    over = torch.where(size == 0, torch.ones_like(size), size)
    return Pair(z.real / over, z.imag / over)


def _log(z: Pair) -> Pair:
    return Pair(absolute(z).log(), angle(z))


def _sin(z: Pair) -> Pair:
    return Pair(z.real.sin() * z.imag.cosh(), z.real.cos() * z.imag.sinh())


def _cos(z: Pair) -> Pair:
    return Pair(z.real.cos() * z.imag.cosh(), -z.real.sin() * z.imag.sinh())


def _tanh(z: Pair) -> Pair:
    """Written so that nothing grows for large z."""
    t, sine, cosine = z.real.tanh(), z.imag.sin(), z.imag.cos()
    below = cosine.square() + (t * sine).square()
    return Pair(t / below, sine * cosine * (1 - t.square()) / below)


def _sigmoid(z: Pair) -> Pair:
    half = _tanh(Pair(z.real / 2, z.imag / 2))
    return Pair((1 + half.real) / 2, half.imag / 2)


def _polar_power(z: Pair, exponent: Any) -> Pair:
    size, turned = absolute(z) ** exponent, angle(z) * exponent
    return Pair(size * turned.cos(), size * turned.sin())


def _power(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    """Whole powers up to 8 by products, as torch's squares are."""
    base, exponent = args
    if is_complex(exponent):
        raise ModelRefused("a power with a complex exponent: expected a real one; write torch.polar or torch.exp")
    if isinstance(exponent, (int, float)) and exponent == int(exponent) and 1 <= exponent <= 8:
        result = base
        for _ in range(int(exponent) - 1):
            result = multiplied(result, base)
        return pair(result)
    if isinstance(base, complex):
        base = Pair(*(torch.tensor(part) for part in (base.real, base.imag)))
    return _polar_power(base, exponent)


def _row(z: Pair, axis: int, index: int) -> Pair:
    return Pair(*(part.select(axis, index) for part in z))


def _running(z: Pair, axis: int) -> list[Pair]:
    """The product up to each item of an axis of a fixed size."""
    size = z.real.shape[axis]
    if not isinstance(size, int):
        raise ModelRefused("a running product of complex numbers over time: write it as a loop over time")
    rows = [_row(z, axis, 0)]
    for index in range(1, size):
        rows.append(multiplied(rows[-1], _row(z, axis, index)))
    return rows


def _cumprod(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    return Pair(*(torch.stack(rows, args[1]) for rows in zip(*_running(args[0], args[1]), strict=True)))


def _prod(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Pair:
    z, axis, *keeps = args
    last = _running(z, axis)[-1]
    return Pair(*(part.unsqueeze(axis) for part in last)) if keeps and keeps[0] else last


def _of_one(f: Callable[[Pair], Pair]) -> Rule:
    return lambda target, args, kwargs: f(pair(args[0]))


FUNCTIONS: dict[str, Rule] = {
    "exp": _of_one(_exp),
    "log": _of_one(_log),
    "sgn": _of_one(_sgn),
    "sqrt": _of_one(lambda z: _polar_power(z, 0.5)),
    "rsqrt": _of_one(lambda z: _polar_power(z, -0.5)),
    "sin": _of_one(_sin),
    "cos": _of_one(_cos),
    "tanh": _of_one(_tanh),
    "sigmoid": _of_one(_sigmoid),
    "pow": _power,
    "cumprod": _cumprod,
    "prod": _prod,
}
