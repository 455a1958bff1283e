"""Three tasks that ask for nothing but memory, made by an equation; the longer they are, the harder.

`adding` (Hochreiter & Schmidhuber, "Long short-term memory", 1997, experiment 4): two numbers of a sequence are marked;
what is their sum? Always answering 1 has a mean squared error of 1/6.
`copy` (Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", 2016, section 4.1): ten letters, then
nothing for a long time, then repeat them. Answering by chance costs 10 ln 8 / (frames + 20) nats a frame.
`parity` (Hochreiter & Schmidhuber 1997, experiment 0): is the number of ones so far odd? One forgotten bit spoils
everything that comes after.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnedge.options import check, option
from rnnedge.training import SequenceData
from rnnedge.training.splits import Splits

_HELD_OUT = 200
_LETTERS, _LENGTH = 8, 10
_BLANK, _GO = 8, 9


@dataclass(frozen=True)
class MemoryOptions:
    """How long a sequence has to be remembered, `frames`, and how many `sequences` there are to train on."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    frames: int = option(100, least=1)
    sequences: int = option(2000, least=1)

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first option that is out of range."""
        check(self)


def load_adding(options: MemoryOptions) -> Splits:
    """x (frames, 2): a number in [0, 1], and 1 where it is marked; the sum of the two marked ones is the target.

    One mark in each half. The sum stands on every frame; a network with output "last" is asked for it at the end.
    """
    frames = options.frames

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        x = np.zeros((count, frames, 2), np.float32)
        x[..., 0] = rng.random((count, frames))
        half = max(frames // 2, 1)
        rows = np.arange(count)
        x[rows, rng.integers(0, half, count), 1] = 1
        x[rows, rng.integers(min(half, frames - 1), frames, count), 1] = 1
        sums = np.repeat((x[..., 0] * x[..., 1]).sum(1)[:, None, None], frames, axis=1)
        return SequenceData(tuple(x), tuple(sums.astype(np.float32)))

    return _splits(made, options.sequences)


def load_copy(options: MemoryOptions) -> Splits:
    """Tokens (frames + 20,): ten letters, `frames` - 1 blanks, "go", ten blanks; at the end the letters."""
    frames, labels = options.frames, (*"abcdefgh", "blank", "go")

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        letters = rng.integers(0, _LETTERS, (count, _LENGTH))
        x = np.full((count, frames + 2 * _LENGTH), _BLANK, np.int64)
        x[:, :_LENGTH], x[:, _LENGTH + frames - 1] = letters, _GO
        y = np.full_like(x, _BLANK)
        y[:, -_LENGTH:] = letters
        return SequenceData(tuple(x), tuple(y), labels)

    return _splits(made, options.sequences)


def load_parity(options: MemoryOptions) -> Splits:
    """x (frames, 1): 0 or 1; the target (frames,) is 1 if there were an odd number of ones, that frame included."""

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        bits = rng.integers(0, 2, (count, options.frames))
        return SequenceData(tuple(bits[..., None].astype(np.float32)), tuple(bits.cumsum(1) % 2), ("even", "odd"))

    return _splits(made, options.sequences)


def _splits(made: object, sequences: int) -> Splits:
    assert callable(made)
    rng = np.random.default_rng(1)
    return Splits(made(rng, sequences), made(rng, _HELD_OUT), made(rng, _HELD_OUT))
