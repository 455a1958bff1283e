"""Three tasks that ask for nothing but memory, made by an equation; the longer they are, the harder.

`adding` (Hochreiter & Schmidhuber, "Long short-term memory", 1997, experiment 4): two numbers of a sequence are marked;
what is their sum? Always answering 1 has a mean squared error of 1/6.
`copy` (Arjovsky, Shah & Bengio, "Unitary evolution recurrent neural networks", 2016, section 4.1): ten letters, then
nothing for a long time, then repeat them. Answering by chance costs 10 ln 8 / (frames + 20) nats a frame.
`parity` (Hochreiter & Schmidhuber 1997, experiment 0): is the number of ones so far odd? One forgotten bit spoils
everything that comes after.
"""

from __future__ import annotations

import numpy as np

from rnnedge.training import SequenceData
from rnnedge.training.splits import Splits

_TRAIN, _HELD_OUT = 2000, 200
_LETTERS, _LENGTH = 8, 10
_BLANK, _GO = 8, 9


def load_adding(frames: int = 100, sequences: int = _TRAIN) -> Splits:
    """x (frames, 2): a number in [0, 1], and 1 where it is marked; the sum of the two marked ones is the target.

    One mark in each half. The sum stands on every frame; a network with output "last" is asked for it at the end.
    """

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        x = np.zeros((count, frames, 2), np.float32)
        x[..., 0] = rng.random((count, frames))
        half = max(frames // 2, 1)
        rows = np.arange(count)
        x[rows, rng.integers(0, half, count), 1] = 1
        x[rows, rng.integers(min(half, frames - 1), frames, count), 1] = 1
        sums = np.repeat((x[..., 0] * x[..., 1]).sum(1)[:, None, None], frames, axis=1)
        return SequenceData(tuple(x), tuple(sums.astype(np.float32)))

    return _splits(made, sequences)


def load_copy(frames: int = 100, sequences: int = _TRAIN) -> Splits:
    """Tokens (frames + 20,): ten letters, `frames` - 1 blanks, "go", ten blanks; at the end the letters."""
    labels = (*"abcdefgh", "blank", "go")

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        letters = rng.integers(0, _LETTERS, (count, _LENGTH))
        x = np.full((count, frames + 2 * _LENGTH), _BLANK, np.int64)
        x[:, :_LENGTH], x[:, _LENGTH + frames - 1] = letters, _GO
        y = np.full_like(x, _BLANK)
        y[:, -_LENGTH:] = letters
        return SequenceData(tuple(x), tuple(y), labels)

    return _splits(made, sequences)


def load_parity(frames: int = 100, sequences: int = _TRAIN) -> Splits:
    """x (frames, 1): 0 or 1; the target (frames,) is 1 where there were an odd number of ones, that frame included."""

    def made(rng: np.random.Generator, count: int) -> SequenceData:
        bits = rng.integers(0, 2, (count, frames))
        return SequenceData(tuple(bits[..., None].astype(np.float32)), tuple(bits.cumsum(1) % 2), ("even", "odd"))

    return _splits(made, sequences)


def _splits(made: object, sequences: int) -> Splits:
    assert callable(made)
    rng = np.random.default_rng(1)
    return Splits(made(rng, sequences), made(rng, _HELD_OUT), made(rng, _HELD_OUT))
