"""Where a network comes from: a training run, or a factory in somebody's package."""

from __future__ import annotations

import importlib
import inspect
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from rnnedge.sources._examples import given_examples, guessed_example
from rnnedge.sources._names import Factory, factory_name
from rnnedge.sources._scripts import is_script, load_script
from rnnedge.sources._weights import load_weights
from rnnedge_runtime.arguments import nearest
from rnnedge_runtime.contract import Normalization
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.plain_file import is_file, is_folder, is_there

_TRIAL_FRAMES = 8
# That the trial frames may take of the input: a minute of audio, and more.
_MOST_FRAMES = 1 << 22


@dataclass(frozen=True)
class ModelSource:
    """A module, an example of its input (batch, time, ...), and what is known about the two.

    `inferred` says how the example was found, where nobody gave one; `task`: what a training run was about; `notes` are
    for the provenance of a file that is made of it.
    """

    module: nn.Module
    example: Any
    labels: tuple[str, ...] = ()
    frame_rate_hz: float | None = None
    normalization: Normalization | None = None
    inferred: str | None = None
    task: str = ""
    notes: Mapping[str, str] = field(default_factory=dict)


def load_source(
    text: str, input_size: int | None = None, weights: Path | None = None, examples: Sequence[str] = ()
) -> ModelSource:
    """Resolve a SOURCE of the command line.

    1. A folder made by `rnnedge train`.
    2. `package.module:name`, or `package/module.py:name`, found from the current folder too: a module, a class, or a
       function that returns a module or (module, example). Without an example, a float32 input of `input_size`
       features, or of a size that the layers suggest and that `forward` accepts; `examples` are shapes to take
       instead, such as "1,100,40". `weights`: a file of weights that are put into the module.
    3. A TorchScript file, `network.pt`, such as `torch.jit.save` writes.

    Raises `ModelRefused` naming what is missing or fails.
    """
    if is_folder(text):
        if weights is not None:
            raise ModelRefused(f"{text}: has weights of its own, found {weights} too; leave one of them out")
        return _from_run(text)
    made = load_script(text) if is_script(text) else _make(_import(factory_name(text)), text)
    module, example = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(module, nn.Module):
        raise ModelRefused(f"{text}: expected a torch.nn.Module or (module, example), found {type(module).__name__}")
    if isinstance(example, np.ndarray):
        example = torch.from_numpy(example)
    if weights is not None:
        load_weights(module, weights)
    if examples:
        return ModelSource(module, given_examples(examples))
    if example is not None and input_size is None:
        return ModelSource(module, example)
    example, how = guessed_example(module, input_size, text)
    return ModelSource(module, example, inferred=how)


def _from_run(folder: str) -> ModelSource:
    from rnnedge.data import DataSchema
    from rnnedge.training import load_checkpoint

    if not is_file(Path(folder, "config.json")):
        raise ModelRefused(f"{folder}: expected a folder made by 'rnnedge train', found no config.json in it")
    network, info = load_checkpoint(folder)
    config = network.config
    normalization = Normalization(config.mean, config.std) if config.mean else None
    frames = _TRIAL_FRAMES
    while int(network.output_frames(torch.tensor(frames))) < _TRIAL_FRAMES:
        frames *= 2
        if frames > _MOST_FRAMES:
            raise ModelRefused(
                f"{folder}: expected frames after {_MOST_FRAMES:,} of the input, found none; train again"
            )
    tokens = torch.zeros(1, frames, dtype=torch.int64)
    example = tokens if config.tokens else torch.zeros(1, frames, config.input_size)
    try:
        notes = DataSchema.from_dict(info.data).provenance() if info.data else {}
    except InputError as error:
        raise ModelRefused(f"{folder}: not a data schema of this version ({error}); train again") from error
    if info.labels and config.output_size == len(info.labels):
        notes = {**notes, "scores": "softmax"}
    return ModelSource(network, example, info.labels, info.frame_rate_hz, normalization, task=info.task, notes=notes)


def _import(factory: Factory) -> Any:
    module_name, name = factory.module, factory.name
    if factory.root not in sys.path:
        sys.path.insert(0, factory.root)
    try:
        module = _loaded(factory)
    except ModuleNotFoundError as error:
        raise ModelRefused(
            f"{module_name}:{name}: cannot import {error.name!r}; run from the folder that holds it, or install it"
        ) from error
    except ModelRefused:
        raise
    # A user's module can raise anything while it is imported.
    except Exception as error:
        raise ModelRefused(f"{module_name}: fails while it is imported: {type(error).__name__}: {error}") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        names = [n for n in vars(module) if not n.startswith("_")]
        listed = ", ".join(names)[:200]
        raise ModelRefused(f"{module_name}: has no {name!r}; it has {listed}{nearest(name, names)}") from error


def _loaded(factory: Factory) -> Any:
    """The module, of the file that was named; one of that name that was loaded from another folder makes room."""
    module = importlib.import_module(factory.module)
    if factory.file is None or _is_of(module, factory.file):
        return module
    place = getattr(module, "__file__", None)
    if place is None or "site-packages" in place or place.startswith(sysconfig.get_path("stdlib")):
        raise ModelRefused(
            f"{factory.file}: {factory.module!r} is the name of another module too ({place or 'of Python itself'}); "
            "rename the file"
        )
    del sys.modules[factory.module]
    return importlib.import_module(factory.module)


def _is_of(module: Any, file: Path) -> bool:
    place = getattr(module, "__file__", None)
    return place is not None and is_there(place) and file.samefile(place)


def _make(factory: Any, text: str) -> Any:
    if isinstance(factory, (nn.Module, tuple)) or not callable(factory):
        return factory
    lacking = _arguments_of(factory)
    if lacking:
        raise ModelRefused(
            f"{text}: needs {lacking}; write a function without arguments that returns it, as def build(): return "
            f"{factory.__name__}(...), and name that"
        )
    try:
        return factory()
    # A user's factory can raise anything.
    except Exception as error:
        raise ModelRefused(f"{text}: fails when it is called: {type(error).__name__}: {error}") from error


def _arguments_of(factory: Any) -> str:
    """What a call has to give it, in words."""
    try:
        parameters = inspect.signature(factory).parameters.values()
    # Some that are built in have none.
    except (TypeError, ValueError):
        return ""
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [one.name for one in parameters if one.default is inspect.Parameter.empty and one.kind not in kinds]
    names = ", ".join(needed)
    return f"the argument{'s' if len(needed) > 1 else ''} {names}" if needed and hasattr(factory, "__name__") else ""
