"""Frames to try a model with, where nobody has recorded any."""

from __future__ import annotations

import numpy as np

from rnnedge_runtime.arguments import integer
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.frames import Frames

_MOST_FEATURES = 64


def sample_frames(contract: Contract, count: int, seed: int = 0) -> Frames:
    """`count` frames (time, ...) that the model accepts: random numbers, or values of the golden sample for tokens.

    A dict by name where the model has several inputs.
    """
    integer(count, "sample: count", 0)
    rng = np.random.default_rng(seed)
    frames = {port.name: _sample(contract, port, count, rng) for port in contract.inputs}
    return frames if len(frames) > 1 else next(iter(frames.values()))


def random_numbers(contract: Contract, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """N(0, 1) for an input of floats; none below 0 if its golden sample has none: the network may take no others."""
    found = rng.standard_normal(shape)
    golden = contract.golden
    positive = golden is not None and golden.inputs[name].size > 0 and bool((golden.inputs[name] >= 0).all())
    return np.abs(found) if positive else found


def numbers_of_features(given: Array, shape: tuple[int, ...], rng: np.random.Generator, leading: int = 1) -> Array:
    """Numbers of `given`, those of each feature by themselves, since each may be a row of another table.

    The features are the axes after `leading` ones; very many, as of a picture, have the same numbers.
    """
    if np.prod(shape[leading:], dtype=int) > _MOST_FEATURES:
        return rng.choice(np.unique(given), shape)
    found = np.empty(shape, given.dtype)
    for place in np.ndindex(*shape[leading:]):
        found[(..., *place)] = rng.choice(np.unique(given[(..., *place)]), shape[:leading])
    return found


def _sample(contract: Contract, port: Port, count: int, rng: np.random.Generator) -> Array:
    shape = (count, *(int(d) for d in port.frame_shape))
    if port.dtype.startswith("float"):
        return random_numbers(contract, port.name, shape, rng).astype(port.dtype)
    golden = contract.golden
    if golden is None:
        return np.zeros(shape, port.dtype)
    return numbers_of_features(golden.inputs[port.name], shape, rng).astype(port.dtype)
