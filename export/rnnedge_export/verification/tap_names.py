"""Taps show the layer that they are named after: its states, computed by the user's own recurrence, layer by layer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge_export.reference import Reference
from rnnedge_export.verification.report import Check
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import stream_all
from rnnedge_runtime.model import Model

_SEED, _FRAMES, _NEAR = 60, 24, 1e-3


def check_taps(model: Model, module: nn.Module, reference: Reference) -> Check:
    """Of a float32 file; layers that are no torch.nn recurrence from zeros are not looked at."""
    frames = reference.frames(1, reference.lengths.at_least(_FRAMES), np.random.default_rng(_SEED))
    with _given(module) as calls:
        reference.raw(frames)
    found = stream_all(model.stream(), {name: array[0] for name, array in frames.items()})
    times = Counter(path for path, _, _ in calls)
    layers = {name: y for path, part, x in calls if times[path] == 1 for name, y in _layers(path, part, x)}
    shown = [tap for tap in model.contract.taps if tap.value == "hidden" and tap.layer in layers]
    for tap in shown:
        expected, actual = layers[tap.layer], found[tap.output]
        actual = actual.reshape(len(actual), -1)
        # Of time that shares its axis with the batch, a tap has another shape.
        if actual.shape == expected.shape and not np.allclose(actual, expected, rtol=_NEAR, atol=_NEAR):
            place = f"tap {tap.output!r}: its values are not those of {tap.layer!r}"
            return Check("taps", "each shows its layer", np.inf, _NEAR, place=place)
    return Check("taps", f"{len(shown)} layers, each shown by the tap of its name", 0.0, _NEAR)


@contextmanager
def _given(module: nn.Module) -> Iterator[list[tuple[str, nn.RNNBase, Tensor]]]:
    """The recurrences that run meanwhile from zeros, and the frames that each gets."""
    found: list[tuple[str, nn.RNNBase, Tensor]] = []

    def keep(path: str, part: nn.RNNBase, given: tuple[Any, ...], named: dict[str, Any], _: object) -> None:
        if len(given) == 1 and not named and not part.bidirectional and not part.proj_size:
            found.append((path, part, given[0].detach()))

    hooks = [
        part.register_forward_hook(partial(keep, path or type(part).__name__.lower()), with_kwargs=True)
        for path, part in module.named_modules()
        if isinstance(part, nn.RNNBase)
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _layers(path: str, part: nn.RNNBase, x: Tensor) -> Iterator[tuple[str, Array]]:
    """The output of every layer, (time, units) of the first sequence, by the name of the layer."""
    x = x if part.batch_first or x.dim() == 2 else x.transpose(0, 1)
    for number in range(part.num_layers):
        kind = {"nonlinearity": part.nonlinearity} if isinstance(part, nn.RNN) else {}
        made: Any = type(part)
        one = made(x.shape[-1], part.hidden_size, bias=part.bias, batch_first=True, **kind)
        weights = {f"{name.removesuffix(f'_l{number}')}_l0": getattr(part, name)
                   for name in part._flat_weights_names if name.endswith(f"_l{number}")}  # fmt: skip
        one.load_state_dict(weights)
        with torch.no_grad():
            x = one(x)[0]
        yield f"{path}.l{number}", (x[0] if x.dim() == 3 else x).numpy()
