"""Frames as a device meets them: silence, digital zeros, quiet and loud, offsets, whole tokens; each a sequence.

What a random frame never is shows what random frames never do: a logarithm of zero, a clamp at 20, an exponential
that overflows, a phase of an exact zero, a token that the example does not have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array

Noise = Array
_INT16 = 8000.0
# Powers of ten.
_MAGNITUDES = (-10, 10)
_EDGE = 104.0
_FURTHER = 1.03


def _gaps(noise: Noise) -> Array:
    """Single features at zero, all of them for a third of the time."""
    found = noise.copy()
    found.reshape(len(found), -1)[:, ::3] = 0.0
    found[len(found) // 3 : 2 * len(found) // 3] = 0.0
    return found


def _impulse(noise: Noise) -> Array:
    found = np.zeros_like(noise)
    found[len(found) // 3] = 1.0
    return found


def _step(noise: Noise) -> Array:
    found = np.zeros_like(noise)
    found[len(found) // 3 :] = 1.0
    return found


def _growing(noise: Noise) -> Array:
    """Every magnitude, from the smallest on, so that what overflows comes last."""
    sizes = np.logspace(*_MAGNITUDES, len(noise)).reshape(-1, *[1] * (noise.ndim - 1))
    found: Array = np.copysign(sizes, noise) * (1 + np.abs(noise))
    return found


def _ramp(noise: Noise) -> Array:
    """Evenly from where e^x has underflowed to where it has overflowed: every edge of a function lies between.

    Frame by frame from the middle out, so that what becomes no number comes last. A little further up than down: sums
    that cancel to nothing, which a running mean divides by, have any sign that their rounding has.
    """
    frames = np.linspace(-_EDGE, _FURTHER * _EDGE, noise.size).reshape(noise.shape)
    return np.asarray(frames[np.argsort(np.abs(frames.reshape(len(frames), -1).mean(axis=1)), kind="stable")])


# What becomes of one sequence (time, ...) of standard normal numbers.
SIGNALS: dict[str, Callable[[Noise], Array]] = {
    "silence": np.zeros_like,
    "negative zero": lambda noise: np.full_like(noise, -0.0),
    "x 0.001": lambda noise: noise * np.float32(1e-3),
    "zeros in features and stretches": _gaps,
    "impulse": _impulse,
    "step": _step,
    "constants": lambda noise: np.broadcast_to(noise[:1], noise.shape).copy(),
    "N(10, 1)": lambda noise: noise + np.float32(10),
    "x 30": lambda noise: noise * np.float32(30),
    "int16": lambda noise: np.clip(np.round(noise * np.float32(_INT16)), -32768, 32767),
    "x 1000": lambda noise: noise * np.float32(1000),
    # Halves to be rounded, equal numbers to be compared, numbers on an edge.
    "quarters": lambda noise: np.round(noise * 4) / 4,
    "every magnitude": _growing,
    "ramp": _ramp,
    "whole numbers": lambda noise: np.round(noise * 16),
}


def signals(reference: Reference, names: tuple[str, ...], time: int) -> dict[str, Array]:
    """Inputs (signal, time, ...) by name, one sequence a signal; tokens and flags are those of the example."""
    rng = np.random.default_rng(40)
    usual = reference.frames(len(names), time, rng)
    found = {}
    for name, array in usual.items():
        if array.dtype.kind != "f" or name in reference.flags:
            found[name] = array
            continue
        noise = np.asarray(rng.standard_normal(array.shape, np.float32))
        given = np.stack([SIGNALS[signal](noise[k]).astype(np.float32) for k, signal in enumerate(names)])
        found[name] = reference.numbers_of(name).of(given)
    return found
