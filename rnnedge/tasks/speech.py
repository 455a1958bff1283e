"""Who is speaking? Nine speakers, from 12 LPC cepstrum coefficients of the vowels /ae/.

Japanese Vowels (Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", Pattern
Recognition Letters 20, 1999): 270 training and 370 test utterances of 7 to 29 frames, recorded at 10 kHz, frames of
25.6 ms every 6.4 ms. The data is read from the installed sktime package; nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import (
    Epoch,
    RunInfo,
    SequenceData,
    TrainerConfig,
    TrainResult,
    evaluate,
    fit,
    save_checkpoint,
)
from rnnedge_runtime.errors import MissingExtra

FRAME_RATE_HZ = 1000 / 6.4
_HELD_OUT = 10
# Noise for training, in standard deviations of a feature: on every frame, and one offset for the whole utterance, as
# another microphone or another day would give.
_FRAME_NOISE = 0.8
_OFFSET_NOISE = 0.3


@dataclass(frozen=True)
class SpeechRun:
    """A trained network, its training, and its accuracy on the test utterances."""

    network: RecurrentNetwork
    result: TrainResult
    test_accuracy: float
    folder: Path


def load_speech(split: str) -> SequenceData:
    """The utterances of `split`, "train" or "test", with their speakers "1" to "9"."""
    try:
        from sktime.datasets import load_japanese_vowels
    except ImportError as error:
        raise MissingExtra("the speech task needs sktime; install 'rnnedge[demo]'") from error
    frames, speakers = load_japanese_vowels(split=split, return_type="nested_univ")
    sequences = tuple(
        np.stack([np.asarray(row[column], np.float32) for column in frames.columns], axis=1)
        for _, row in frames.iterrows()
    )
    labels = tuple(sorted(set(map(str, speakers))))
    return SequenceData(sequences, tuple(labels.index(str(speaker)) for speaker in speakers), labels)


def train_speech(
    folder: str | os.PathLike[str],
    *,
    cell: str = "gru",
    hidden_size: int = 64,
    num_layers: int = 1,
    epochs: int = 100,
    seed: int = 0,
    progress: Callable[[Epoch], None] | None = None,
) -> SpeechRun:
    """Train on the training utterances, every tenth held out; save the best network to `folder`.

    One output per frame; the decision is that of the last frame. Same seed, same machine: same network.
    """
    everything = load_speech("train")
    held_out = [i for i in range(len(everything)) if i % _HELD_OUT == 0]
    train = everything.part([i for i in range(len(everything)) if i % _HELD_OUT])
    mean, std = train.statistics()
    torch.manual_seed(seed)
    network = RecurrentNetwork(
        NetworkConfig(
            cell=cell,
            input_size=train.features,
            hidden_size=hidden_size,
            output_size=len(train.labels),
            num_layers=num_layers,
            dropout=0.3,
            mean=mean,
            std=std,
        )
    )
    config = TrainerConfig(epochs=epochs, seed=seed, weight_decay=1e-4, label_smoothing=0.1, first_frame=3)
    width = torch.tensor(std)

    def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
        frame = torch.randn(x.shape, generator=generator)
        offset = torch.randn(x.shape[0], 1, x.shape[2], generator=generator)
        return x + width * (_FRAME_NOISE * frame + _OFFSET_NOISE * offset)

    result = fit(network, train, everything.part(held_out), config, augment=noisy, progress=progress)
    _, accuracy = evaluate(network, load_speech("test"), config)
    assert accuracy is not None
    info = RunInfo("speech", train.labels, FRAME_RATE_HZ, {"test_accuracy": accuracy})
    save_checkpoint(folder, network, info)
    return SpeechRun(network, result, accuracy, Path(folder))
