"""Who is speaking? Nine speakers, from 12 LPC cepstrum coefficients of the vowels /ae/.

Japanese Vowels (Kudo, Toyama & Shimbo, "Multidimensional curve classification using passing-through regions", Pattern
Recognition Letters 20, 1999): 270 training and 370 test utterances of 7 to 29 frames, recorded at 10 kHz, frames of
25.6 ms every 6.4 ms. The data is read from the installed sktime package; nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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
    finetune,
    fit,
    load_checkpoint,
    save_checkpoint,
)
from rnnedge.training.finetuning import EPOCHS, LEARNING_RATE
from rnnedge.training.trainer import Augment
from rnnedge_runtime.atomic import make_folder
from rnnedge_runtime.errors import InputError, MissingExtra

FRAME_RATE_HZ = 1000 / 6.4
STATE = "training.state"
_HELD_OUT = 10
# Noise for training, in standard deviations of a feature: on every frame, and one offset for the whole utterance, as
# another microphone or another day would give.
_FRAME_NOISE = 0.8
_OFFSET_NOISE = 0.3


@dataclass(frozen=True)
class SpeechRun:
    """A trained network, its training, and its accuracy on the test utterances.

    `rounded_accuracy`: that of the network before fine-tuning, its weights rounded; None where none was fine-tuned.
    """

    network: RecurrentNetwork
    result: TrainResult
    test_accuracy: float
    folder: Path
    rounded_accuracy: float | None = None


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
    resume: bool = False,
) -> SpeechRun:
    """Train on the training utterances, every tenth held out; save the best network to `folder`.

    One output per frame; the decision is that of the last frame. Same seed, same machine: same network. While it lasts,
    the training is in `folder` too (`STATE`); with `resume` it goes on from there.
    """
    train, held_out = split_speech()
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
    state = make_folder(folder) / STATE
    config = speech_config(epochs=epochs, seed=seed)
    augment = noise(std)
    result = fit(network, train, held_out, config, augment=augment, progress=progress, state=state, resume=resume)
    return _kept(folder, network, result, RunInfo("speech", train.labels, FRAME_RATE_HZ))


def finetune_speech(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    precision: str,
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Callable[[Epoch], None] | None = None,
    resume: bool = False,
) -> SpeechRun:
    """Fine-tune the network in `source`, a folder of `train_speech`, for "int8" or "int4"; save it to `folder`.

    On the same utterances with the same noise; see `rnnedge.training.finetune`. Raises `InputError` for a network of
    another task.
    """
    network, info = load_checkpoint(source)
    if info.task != "speech":
        raise InputError(f"{source}: expected a network of the task speech, found {info.task!r}; choose another folder")
    train, held_out = split_speech()
    rounded = evaluate(network, load_speech("test"), speech_config(precision=precision)).accuracy
    torch.manual_seed(seed)
    state = make_folder(folder) / STATE
    config = speech_config(epochs=epochs, seed=seed, learning_rate=LEARNING_RATE)
    augment = noise(train.statistics()[1])
    result = finetune(
        network, train, held_out, config, precision, augment=augment, progress=progress, state=state, resume=resume
    )
    run = _kept(folder, network, result, replace(info, quantized_for=precision))
    return replace(run, rounded_accuracy=rounded)


def split_speech() -> tuple[SequenceData, SequenceData]:
    """The training utterances and, out of every ten, the one that is held out."""
    everything = load_speech("train")
    numbers = range(len(everything))
    return everything.part([i for i in numbers if i % _HELD_OUT]), everything.part(numbers[::_HELD_OUT])


def speech_config(**options: Any) -> TrainerConfig:
    """How networks learn this task."""
    return TrainerConfig(weight_decay=1e-4, label_smoothing=0.1, first_frame=3, bucketing=1, **options)


def noise(std: tuple[float, ...]) -> Augment:
    """Noise for features of standard deviations `std`."""
    width = torch.tensor(std)

    def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
        frame = torch.randn(x.shape, generator=generator)
        offset = torch.randn(x.shape[0], 1, x.shape[2], generator=generator)
        return x + width * (_FRAME_NOISE * frame + _OFFSET_NOISE * offset)

    return noisy


def _kept(folder: str | os.PathLike[str], network: RecurrentNetwork, result: TrainResult, info: RunInfo) -> SpeechRun:
    """Judge the network and save it; a training that is not over can still go on."""
    accuracy = evaluate(network, load_speech("test"), speech_config()).accuracy
    assert accuracy is not None
    save_checkpoint(folder, network, replace(info, metrics={"test_accuracy": accuracy}))
    if not result.interrupted:
        (Path(folder) / STATE).unlink()
    return SpeechRun(network, result, accuracy, Path(folder))
