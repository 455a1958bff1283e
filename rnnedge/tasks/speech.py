"""Who is speaking? Nine speakers, from 12 LPC cepstrum coefficients of the vowels /ae/.

Japanese Vowels (Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", Pattern
Recognition Letters 20, 1999): 270 training and 370 test utterances of 7 to 29 frames, recorded at 10 kHz, frames of
25.6 ms every 6.4 ms. The data is read from the installed sktime package; nothing is downloaded.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnnedge.training import SequenceData
from rnnedge.training._trainer import Augment
from rnnedge.training.splits import Splits
from rnnedge_runtime.errors import MissingExtra

FRAME_RATE_HZ = 1000 / 6.4
_HELD_OUT = 10
# Noise for training, in standard deviations of a feature: on every frame, and one offset for the whole utterance, as
# another microphone or another day would give.
_FRAME_NOISE = 0.8
_OFFSET_NOISE = 0.3


def load() -> Splits:
    """The training utterances, of which every tenth is held out, and the test utterances.

    Raises `MissingExtra` where sktime is not installed.
    """
    everything = load_speech("train")
    numbers = range(len(everything))
    held_out = everything.part(numbers[::_HELD_OUT])
    train = everything.part([i for i in numbers if i % _HELD_OUT])
    return Splits(train, held_out, load_speech("test"), FRAME_RATE_HZ)


def load_speech(split: str) -> SequenceData:
    """The utterances of `split`, "train" or "test", with their speakers "1" to "9"."""
    try:
        from sktime.datasets import load_japanese_vowels
    except ImportError as error:
        raise MissingExtra("the speech task needs sktime; install 'rnnedge[tasks]'") from error
    frames, speakers = load_japanese_vowels(split=split, return_type="nested_univ")
    sequences = tuple(
        np.stack([np.asarray(row[column], np.float32) for column in frames.columns], axis=1)
        for _, row in frames.iterrows()
    )
    labels = tuple(sorted(set(map(str, speakers))))
    return SequenceData(sequences, tuple(labels.index(str(speaker)) for speaker in speakers), labels)


def noise(train: SequenceData) -> Augment:
    """Noise for features that are as wide as those of `train`."""
    width = torch.tensor(train.statistics()[1])

    def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
        frame = torch.randn(x.shape, generator=generator)
        offset = torch.randn(x.shape[0], 1, x.shape[2], generator=generator)
        return x + width * (_FRAME_NOISE * frame + _OFFSET_NOISE * offset)

    return noisy
