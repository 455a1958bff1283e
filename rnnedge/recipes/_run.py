"""From a recipe to a run folder: read the data, build the network, fit it, judge it streamed, keep it.

A run folder holds `config.json` and weights (`rnnedge.training.checkpoint`), `metrics.jsonl`, a line an epoch, and
while it lasts the training itself, `training.state`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnnedge.audio._front_end import fitted_front_end, log_mel_of
from rnnedge.data import DataConfig, read_data
from rnnedge.files.config_tables import config_from
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.recipes._result import Run, write_summary
from rnnedge.recipes._target_scaling import TargetScale
from rnnedge.recipes._verdict import guessing, remarks
from rnnedge.recipes.recipe import Recipe
from rnnedge.tasks.catalogue import TASKS
from rnnedge.training import (
    Diverged,
    Epoch,
    Evaluation,
    RunInfo,
    SequenceData,
    TrainerConfig,
    TrainResult,
    evaluate,
    fit,
    load_checkpoint,
    save_checkpoint,
)
from rnnedge.training._defaults import settled
from rnnedge.training._trainer import Augment
from rnnedge.training.distributed import processes
from rnnedge.training.finetuning import EPOCHS, LEARNING_RATE, finetune
from rnnedge.training.log import record
from rnnedge.training.losses import CLASSES, outputs_for
from rnnedge.training.splits import Splits
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.atomic import make_folder
from rnnedge_runtime.errors import InputError

STATE = "training.state"
_EMBEDDING = 64


@checked
def train_recipe(
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[Epoch], None] | None = None,
    on_plan: Callable[[TrainerConfig, SequenceData], None] | None = None,
    resume: bool = False,
) -> Run:
    """Train a network from scratch and save the best of it to `folder`.

    `on_plan` gets the config with every number that the data decided, and the training data, before the first epoch.
    The same recipe on the same machine gives the same network. With `resume` an interrupted training goes on.

    Raises `InputError` where data, recipe and network do not fit, or the training diverges, after the best network so
    far was saved; `MissingExtra` where the data is not installed.
    """
    splits = load_data(recipe)
    recipe = replace(recipe, training=settled(recipe.training, splits.train))
    if on_plan is not None:
        on_plan(recipe.training, splits.train)
    torch.manual_seed(recipe.training.seed)
    network = RecurrentNetwork(network_config(recipe, splits))
    return _trained(recipe, network, splits, Path(folder), progress, resume, False, {})


@checked
def finetune_run(
    recipe: Recipe,
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    precision: str = "float32",
    *,
    prune: float = 0.0,
    epochs: int = EPOCHS,
    progress: Callable[[Epoch], None] | None = None,
    resume: bool = False,
) -> Run:
    """Fine-tune the network of the run in `source` for "int8" or "int4", or for a share of its weights less.

    On the data of `recipe`; it is saved to `folder`. `prune`: that share, above 0 and below 1.
    See `rnnedge.training.finetune`. Raises what `train_recipe` does, and `InputError` for a network of another task.
    """
    network, info = load_checkpoint(source)
    if info.task != recipe.task:
        raise InputError(
            f"{source}: expected a network of the task {recipe.task or 'of one own data'}, found {info.task!r}; choose "
            "another folder"
        )
    splits = load_data(recipe)
    training = replace(recipe.training, epochs=epochs, learning_rate=LEARNING_RATE, precision=precision, prune=prune)
    training = settled(training, splits.train)
    rounded = _metrics(evaluate(network, splits.test, training))
    torch.manual_seed(training.seed)
    recipe = replace(recipe, training=training)
    return _trained(recipe, network, splits, Path(folder), progress, resume, True, rounded)


def load_data(recipe: Recipe) -> Splits:
    """The three parts of the data of `recipe`.

    Raises `InputError` for what is wrong in a table [data], or in the files that it names.
    """
    if recipe.task:
        return TASKS[recipe.task].read(recipe.options)
    config = config_from(DataConfig, recipe.data, f"{recipe.origin}: data")
    front = log_mel_of(recipe.network, f"{recipe.origin}: network")
    return read_data(config, recipe.origin.parent, least_frames=front.hop if front else 1).splits


def network_config(recipe: Recipe, splits: Splits) -> NetworkConfig:
    """The network of `recipe` for the data: sizes and statistics come from the training part.

    Raises `InputError` where the recipe says another size than the data have, or has a key that does not exist.
    """
    table: dict[str, Any] = dict(recipe.network)
    place = f"{recipe.origin}: network"
    normalize = table.pop("normalize", True)
    derived: dict[str, Any] = {"output_size": outputs_for(recipe.training, _values(splits.train, recipe.training))}
    if splits.train.features:
        derived["input_size"] = splits.train.features
        front = log_mel_of(table, place)
        if normalize and front:
            table["front_end"] = fitted_front_end(table, front, splits.train.frames, splits.frame_rate_hz, place)
        elif normalize:
            derived["mean"], derived["std"] = splits.train.statistics()
    else:
        table.setdefault("input_size", _EMBEDDING)
        derived["tokens"] = len(splits.train.labels)
    for name, value in derived.items():
        if name in table and table[name] != value:
            raise InputError(f"{place}.{name}: expected {value}, as the data have, found {table[name]}; leave it out")
    table.setdefault("cell", "gru")
    table.setdefault("hidden_size", 64)
    return config_from(NetworkConfig, {**table, **derived}, place)


def prepared(recipe: Recipe, part: SequenceData, train: SequenceData) -> SequenceData:
    """`part` of the data as a network is trained on it: values are scaled by those of `train`."""
    return part if recipe.training.loss in CLASSES else TargetScale.of(train).scaled(part)


def _values(data: SequenceData, config: TrainerConfig) -> int:
    """Classes, or values per frame."""
    if config.loss not in CLASSES:
        shape = np.shape(data.targets[0])
        if len(shape) != 2:
            raise InputError(f"loss: {config.loss} needs values per frame, found a class; choose cross_entropy")
        return int(shape[1])
    if not data.labels:
        raise InputError(f"loss: {config.loss} needs classes, found values per frame; choose mse")
    return len(data.labels)


def _trained(
    recipe: Recipe,
    network: RecurrentNetwork,
    splits: Splits,
    folder: Path,
    progress: Callable[[Epoch], None] | None,
    resume: bool,
    fine_tune: bool,
    rounded: dict[str, float],
) -> Run:
    config, info = recipe.training, RunInfo(recipe.task, splits.train.labels, splits.frame_rate_hz)
    quantized_for = config.precision if fine_tune and not config.prune else ""
    info = replace(info, quantized_for=quantized_for, pruned=config.prune if fine_tune else 0.0, data=splits.schema)
    state = make_folder(folder) / STATE
    scale = None if config.loss in CLASSES else TargetScale.of(splits.train)
    train, validation = (prepared(recipe, part, splits.train) for part in (splits.train, splits.validation))
    if scale is not None and fine_tune:
        scale.out_of_head(network.head, config)

    def both(epoch: Epoch) -> None:
        record(folder, epoch)
        if progress is not None:
            progress(epoch)

    arguments: dict[str, Any] = {"augment": _augment(recipe, splits), "progress": both, "state": state}
    broken = None
    try:
        if fine_tune:
            arguments["prune"] = config.prune
            result = finetune(network, train, validation, config, config.precision, **arguments, resume=resume)
        else:
            result = fit(network, train, validation, config, **arguments, resume=resume)
    except Diverged as error:
        result, broken = error.result, error
    if scale is not None:
        scale.into_head(network.head, config)
    run = _kept(network, info, result, splits, config, folder, rounded)
    if broken is not None:
        epochs = f"of epoch {result.best}" if result.best else "as it was at the start"
        raise InputError(f"{broken}; the best network so far, {epochs}, is in {folder}") from broken
    return run


def _augment(recipe: Recipe, splits: Splits) -> Augment | None:
    make = TASKS[recipe.task].augment if recipe.task else None
    return None if make is None else make(splits.train)


def _metrics(found: Evaluation) -> dict[str, float]:
    return {"test_loss": found.loss, **{f"test_{name}": value for name, value in found.metrics.items()}}


def _kept(
    network: RecurrentNetwork,
    info: RunInfo,
    result: TrainResult,
    splits: Splits,
    config: TrainerConfig,
    folder: Path,
    rounded: dict[str, float],
) -> Run:
    """Judge the network and save it; a training that was interrupted can still go on."""
    found = evaluate(network, splits.test, replace(config, precision="float32", prune=0.0))
    metrics = _metrics(found)
    info = replace(info, metrics=metrics)
    guess = guessing(splits.train, splits.test, config, found.confusion)
    words = remarks(result, config, splits.train, metrics, guess, found.confusion)
    run = Run(network, info, result, metrics, folder, rounded, guess, found.confusion, words)
    if processes().rank == 0:
        save_checkpoint(folder, network, info)
        write_summary(run)
        if not result.interrupted:
            (folder / STATE).unlink()
    return run
