"""Do data, network and loss fit each other? Asked before anything is trained."""

from __future__ import annotations

import numpy as np

from rnnedge.nn import NetworkConfig
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import Array, SequenceData
from rnnedge.training.losses import CLASSES, outputs_for
from rnnedge_runtime.errors import InputError


def check(network: NetworkConfig, data: SequenceData, config: TrainerConfig, what: str) -> None:
    """Raise `InputError` that names `what` these data are, and the first thing that does not fit."""
    _check_inputs(network, data, what)
    for index, target in enumerate(data.targets):
        values = np.asarray(target)
        if config.loss in CLASSES:
            _check_classes(network, values, config, f"{what}: sequence {index}")
        else:
            _check_values(network, values, config, f"{what}: sequence {index}")
        if config.stateful and (values.ndim == 0 or len(values) != len(data.frames[index])):
            found = "one for the sequence" if values.ndim == 0 else str(len(values))
            raise InputError(
                f"{what}: sequence {index}: expected a target for every frame, as training is stateful, found {found}"
            )


def _check_inputs(network: NetworkConfig, data: SequenceData, what: str) -> None:
    expected = 0 if network.tokens else network.input_size
    if data.features != expected:
        words = [f"{n} features" if n else "tokens" for n in (expected, data.features)]
        raise InputError(f"{what}: expected {words[0]} per frame (the network's input_size), found {words[1]}")
    if network.tokens:
        for index, frames in enumerate(data.frames):
            if frames.max() >= network.tokens:
                raise InputError(
                    f"{what}: sequence {index}, frame {int(frames.argmax())}: expected a token below {network.tokens} "
                    f"(the network's tokens), found {frames.max()}"
                )


def _check_classes(network: NetworkConfig, values: Array, config: TrainerConfig, place: str) -> None:
    classes = network.output_size - outputs_for(config, 0)
    if values.dtype.kind not in "iu" or values.ndim > 1:
        raise InputError(f"{place}: expected integer classes for the loss {config.loss}, found {values.dtype}")
    if values.size and not 0 <= values.min() <= values.max() < classes:
        raise InputError(
            f"{place}: expected classes below {classes}, as the network has {network.output_size} outputs, found "
            f"{values.max() if values.max() >= classes else values.min()}"
        )


def _check_values(network: NetworkConfig, values: Array, config: TrainerConfig, place: str) -> None:
    if values.ndim != 2:
        raise InputError(f"{place}: expected values (time, output) for the loss {config.loss}, found {values.shape}")
    if outputs_for(config, values.shape[1]) != network.output_size:
        raise InputError(
            f"{place}: {values.shape[1]} values per frame need {outputs_for(config, values.shape[1])} outputs for the "
            f"loss {config.loss}, found a network of {network.output_size}"
        )
