"""What the public functions of the exporter take, checked before any work begins.

A wrong kind of network or of an option of the file is a `ModelRefused`; a path that is none is an `InputError`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge_export.defects import of_the_caller
from rnnedge_runtime.arguments import function, instance, integer, items, mapping, number, text, texts
from rnnedge_runtime.contract import INT16_PCM, INT16_STEPS, Normalization
from rnnedge_runtime.errors import InputError, ModelRefused

if TYPE_CHECKING:
    from torch import nn

# Each is a copy of the whole cell in the graph.
MOST_UNROLLED = 4096
MOST_FRAMES = 1 << 20
_MOST_AXES = 64


def checked_module(module: object, place: str = "export: module") -> nn.Module:
    """A module, and not its class."""
    from torch import nn

    if isinstance(module, type):
        raise ModelRefused(f"{place}: expected a torch.nn.Module, found the class {module.__name__}; make one of it")
    remedy = ""
    if isinstance(module, Mapping):
        remedy = "make the network, and put the weights into it with load_state_dict"
    elif isinstance(module, (str, os.PathLike)):
        remedy = "make the network; rnnedge.convert takes an ONNX file"
    return instance(module, place, nn.Module, ModelRefused, remedy)


def checked_axis(axis: object, place: str) -> int:
    """The place of an axis, counted from the front."""
    return integer(axis, place, 0, _MOST_AXES, ModelRefused)


def checked_frames(frames: object, place: str, least: int = 1, most: int = MOST_FRAMES) -> int:
    """A number of frames."""
    return integer(frames, place, least, most, ModelRefused)


def checked_rate(rate: object) -> float | None:
    """Frames per second, or None."""
    return None if rate is None else number(rate, "frame_rate_hz", above=0)


def checked_labels(labels: object) -> tuple[str, ...]:
    """Names, each of them text."""
    return texts(labels, "labels")


def checked_normalization(given: object) -> Normalization | None:
    """Means and deviations of as many features, in plain numbers; "int16 PCM" stands for those of 16-bit samples."""
    if given is None:
        return None
    if isinstance(given, str) and given == INT16_PCM:
        return Normalization((0.0,), (float(INT16_STEPS),))
    found = instance(given, "normalization", Normalization)
    sides = {
        name: tuple(number(value, f"normalization.{name}") for value in items(side, f"normalization.{name}", "numbers"))
        for name, side in (("mean", _flat(found.mean)), ("std", _flat(found.std)))
    }
    if len(sides["mean"]) != len(sides["std"]):
        raise InputError(
            f"normalization: expected as many means as deviations, found {len(sides['mean'])} and {len(sides['std'])}"
        )
    return Normalization(**sides)


def checked_notes(notes: object) -> dict[str, str]:
    """Text by name."""
    found = {} if notes is None else mapping(notes, "notes")
    return {key: text(value, f"notes[{key!r}]") for key, value in found.items()}


def checked_progress(progress: Callable[[str], None] | None) -> Callable[[str], None]:
    """A function to tell; one that says nothing for None."""
    callback = function(progress, "progress")
    return (lambda _: None) if callback is None else of_the_caller(callback)


def checked_time_axis(axis: object) -> str:
    """1 or "input:1", as text."""
    if isinstance(axis, str):
        return axis
    return str(checked_axis(axis, "time axis"))


def checked_constants(constants: object) -> dict[str, Any]:
    """Numbers, or arrays of them, by the name of an input."""
    found = {} if constants is None else mapping(constants, "constants", ModelRefused)
    for name, value in found.items():
        is_array = isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
        if not is_array and not isinstance(value, (int, np.integer)):
            number(value, f"constants[{name!r}]", error=ModelRefused)
    return found


def checked_pairs(states: object) -> dict[str, str]:
    """Names of outputs by the names of inputs."""
    found = mapping(states, "states", ModelRefused)
    return {key: text(value, f"states[{key!r}]", ModelRefused) for key, value in found.items()}


def _flat(side: object) -> object:
    """Arrays and tensors as lists: their numbers are none of Python's."""
    return side.tolist() if hasattr(side, "tolist") else side
