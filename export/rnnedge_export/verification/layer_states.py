"""What the layers of a module hold while frames go through it, by the names that a file gives their states.

1. A layer of torch.nn.RNN, GRU or LSTM that starts from zeros: `rnn.l0.h` and `.c`, computed layer by layer.
2. A cell of torch.nn that a loop calls for every frame: `cell.h` and `.c`, as it gives them.
3. A convolution: `conv.cache`, frames of what it is given.

A module that has two names, or is called in another way, has none here, nor has what a module of one step is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge_export.capture.kept_states import STEP
from rnnedge_export.reference import Reference
from rnnedge_runtime.contract import Array

Frames = Mapping[str, Array]
# What a class of somebody's own makes of its weights is his.
_PLAIN = (nn.RNN, nn.GRU, nn.LSTM)
_LAYERS, _CELLS, _WINDOWS = nn.RNNBase, nn.RNNCellBase, (nn.Conv1d, nn.Conv2d)


@dataclass(frozen=True)
class _Call:
    """One call of a module: its arguments by place, whether there were others, and its result."""

    path: str
    part: nn.Module
    given: tuple[Any, ...]
    named: bool
    result: Any


def layer_states(module: nn.Module, reference: Reference, frames: Frames) -> tuple[dict[str, Array], set[str]]:
    """Of one sequence: states (time, units) after every frame, and what convolutions are given, without the batch.

    And the paths of all layers and cells that were called.
    """
    with _calls(module) as calls:
        reference.raw(frames)
    times, found = Counter(call.path for call in calls), dict[str, Array]()
    for call in calls:
        if isinstance(call.part, _CELLS) or times[call.path] > 1:
            continue
        if isinstance(call.part, _LAYERS):
            found.update(_layers(call))
        elif call.given and isinstance(call.given[0], Tensor) and len(call.given[0]) == 1:
            found[f"{call.path}.cache"] = call.given[0][0].numpy()
    for path in times:
        found.update(_cell([call for call in calls if call.path == path]))
    return found, set(times)


@contextmanager
def _calls(module: nn.Module) -> Iterator[list[_Call]]:
    found: list[_Call] = []

    def keep(path: str, part: nn.Module, given: tuple[Any, ...], named: dict[str, Any], result: Any) -> None:
        copies = tuple(one.detach().clone() if isinstance(one, Tensor) else one for one in given)
        found.append(_Call(path, part, copies, bool(named), result))

    every = list(module.named_modules(remove_duplicate=False))
    names = Counter(part for _, part in every)
    hooks = [
        part.register_forward_hook(partial(keep, path or type(part).__name__.lower()), with_kwargs=True)
        for path, part in every
        if isinstance(part, (_LAYERS, _CELLS, *_WINDOWS)) and names[part] == 1 and path.partition(".")[0] != STEP
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _layers(call: _Call) -> Iterator[tuple[str, Array]]:
    """Case 1."""
    part: Any = call.part
    if type(part) not in _PLAIN or len(call.given) > 1 or call.named or part.bidirectional or part.proj_size:
        return
    # It may have been given packed sequences.
    if not isinstance(call.given[0], Tensor):
        return
    # Weights that forward makes, as weight drop does, are gone after the call.
    if not all(hasattr(part, name) for name in part._flat_weights_names):
        return
    x = call.given[0] if part.batch_first or call.given[0].dim() == 2 else call.given[0].transpose(0, 1)
    x = x[:1] if x.dim() == 3 else x[None]
    for number in range(part.num_layers):
        kind = {"nonlinearity": part.nonlinearity} if isinstance(part, nn.RNN) else {}
        made: Any = type(part)
        one = made(x.shape[-1], part.hidden_size, bias=part.bias, batch_first=True, **kind)
        weights = {f"{name.removesuffix(f'_l{number}')}_l0": getattr(part, name)
                   for name in part._flat_weights_names if name.endswith(f"_l{number}")}  # fmt: skip
        one.load_state_dict(weights)
        with torch.no_grad():
            if isinstance(part, nn.LSTM):
                yield f"{call.path}.l{number}.c", _cells(one, x)
            x = one(x)[0]
        yield f"{call.path}.l{number}.h", x[0].numpy()


def _cells(layer: Any, x: Tensor) -> Array:
    """The cell states after every frame."""
    state, rows = None, []
    for frame in x.unbind(1):
        _, state = layer(frame[:, None], state)
        rows.append(state[1][0, 0])
    return torch.stack(rows).numpy()


def _cell(calls: list[_Call]) -> Iterator[tuple[str, Array]]:
    """Case 2."""
    if not calls or not isinstance(calls[0].part, _CELLS):
        return
    results = [call.result if isinstance(call.result, tuple) else (call.result,) for call in calls]
    for letter, rows in zip("hc", zip(*results, strict=True), strict=False):
        yield f"{calls[0].path}.{letter}", np.concatenate([row.detach().numpy()[:1] for row in rows])
