"""Taps and states are those of the layer that they are named after, computed by the user's own module."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping

import numpy as np
from torch import nn

from rnnedge_export.capture import weights_digest
from rnnedge_export.reference import Reference
from rnnedge_export.verification.layer_states import layer_states
from rnnedge_export.verification.report import Check
from rnnedge_export.verification.source_weights import check_weights
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import named, stream_all
from rnnedge_runtime.model import Model

_SEED, _FRAMES, _NEAR, _FEWEST = 60, 24, 1e-3, 3
# What a second state of one name has appended.
_AGAIN = re.compile(r"([#_]\d+)+$")
# Kinds of states that may be taken for each other.
_KINDS = ({"h", "c"}, {"cache"})


def check_layers(data: bytes, model: Model, module: nn.Module, reference: Reference) -> tuple[Check, Check]:
    """The names and the weights of layers, of the bytes of a float32 file and the same, loaded.

    What is no layer of torch.nn, or does not start from zeros, is not looked at.
    """
    time = reference.lengths.at_least(_FRAMES * model.contract.unit)
    frames = reference.frames(1, time, np.random.default_rng(_SEED))
    layers, ran = layer_states(module, reference, frames)
    stream = model.stream()
    found = stream_all(stream, {name: array[0] for name, array in frames.items()})
    wrong = _tap(model, layers, found) or _state(_states(model, frames), layers, module)
    detail = f"{len(layers)} states of layers, each shown by the state and the tap of its name"
    names = Check("names of layers", detail, 0.0 if wrong is None else np.inf, _NEAR, place=wrong or "")
    return names, check_weights(data, module, ran, reference, frames)


def _tap(model: Model, layers: Mapping[str, Array], found: Mapping[str, Array]) -> str | None:
    values = {"hidden": "h", "cell": "c"}
    for tap in model.contract.taps:
        expected = layers.get(f"{tap.layer}.{values.get(tap.value)}")
        actual = found[tap.output].reshape(len(found[tap.output]), -1)
        # Of time that shares its axis with the batch, a tap has another shape.
        same = expected is None or actual.shape != expected.shape
        if not same and not np.allclose(actual, np.asarray(expected), rtol=_NEAR, atol=_NEAR):
            return f"tap {tap.output!r}: its values are not those of {tap.layer!r}"
    return None


def _states(model: Model, frames: Mapping[str, Array]) -> dict[str, Array]:
    """What a stream carries in the middle of a sequence, without the batch; by name."""
    contract, stream = model.contract, model.stream()
    whole = len(next(iter(frames.values()))[0]) // contract.unit * contract.unit
    named(contract, stream.push({name: array[0, :whole] for name, array in frames.items()}))
    held = stream.states
    return {
        state.input: held[state.input].take(0, axis=state.batch_axis)
        for state in contract.states
        if not state.context and state.shape[state.batch_axis] == "batch"
    }


def _state(held: Mapping[str, Array], layers: Mapping[str, Array], module: nn.Module) -> str | None:
    """A state of which the numbers are those of another layer, and not those of its own.

    One that has the name of a module that holds nothing is let be: a norm that became a part of a convolution. Copies
    of a layer that are still equal have one name as well as the other. A layer that stands in two places of the module
    has either name.
    """
    parts = dict(module.named_modules(remove_duplicate=False))
    for kinds in _KINDS:
        own = {name: array for name, array in layers.items() if name.rpartition(".")[2] in kinds}
        for name, state in held.items():
            plain = _AGAIN.sub("", name)
            if plain.rpartition(".")[2] not in kinds or state.size < _FEWEST or (state == state.flat[0]).all():
                continue
            if plain in own and _is_of(state, own[plain]):
                continue
            holds = [other for other, rows in own.items() if _is_of(state, rows)]
            if not holds or any(_are_copies(parts.get(_path(plain)), parts.get(_path(other))) for other in holds):
                continue
            unnamed = any(other not in held for other in holds)
            if name in own or (unnamed and (plain in own or plain.rpartition(".")[0] not in parts)):
                return f"state {name!r}: its numbers are those of {holds[0]!r}"
    return None


def _path(name: str) -> str:
    """Of the module that a state is named after."""
    return re.sub(r"(\.l\d+)?\.\w+$", "", name)


def _are_copies(one: nn.Module | None, other: nn.Module | None) -> bool:
    """Of two layers; the states of one and the same are told apart."""
    if one is None or other is None or one is other:
        return False
    return weights_digest(one) == weights_digest(other)


def _is_of(state: Array, rows: Array) -> bool:
    """Whether a state is some frames in a row of `rows`, in any order of axes."""
    state = state.squeeze() if state.ndim > rows.ndim else state
    if state.ndim < rows.ndim:
        state = state[None]
    if state.ndim != rows.ndim:
        return False
    return any(
        np.allclose(part, state, rtol=_NEAR, atol=_NEAR)
        for order in itertools.permutations(range(rows.ndim))
        for part in _windows(rows.transpose(order), state.shape)
    )


def _windows(rows: Array, shape: tuple[int, ...]) -> Iterator[Array]:
    """Of as many places along one axis as `shape` has; all of the others."""
    apart = [axis for axis, (size, wanted) in enumerate(zip(rows.shape, shape, strict=True)) if size != wanted]
    if len(apart) != 1 or rows.shape[apart[0]] < shape[apart[0]]:
        return
    for start in range(rows.shape[apart[0]] - shape[apart[0]] + 1):
        yield rows.take(range(start, start + shape[apart[0]]), apart[0])
