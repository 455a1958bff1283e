"""A recording out of a torch module: run it once over the sequence, and read every recurrence out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rnnedge.explain._hooks import Part, watch
from rnnedge.explain._outputs import named_outputs
from rnnedge.explain._recording import Layer, Recording
from rnnedge.frames._columns import column_names
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError, ModelRefused

# Names by which `forward(x, state=None) -> (y, state)` is known; "hx" is torch.nn's own.
_STATE_ARGUMENTS = {"state", "states", "hx", "h0", "hidden", "hidden_state"}


@dataclass(frozen=True, eq=False)
class Watched:
    """A recording, and what made it, for questions that only the module can answer."""

    module: nn.Module
    x: Tensor
    parts: tuple[Part, ...]
    recording: Recording
    summaries: frozenset[str]

    def outputs(self, x: Tensor) -> dict[str, Tensor]:
        """Every output for x (batch, time, ...), with its gradient: (batch, time, value) or (batch, 1, value)."""
        return _by_frame(_named(self.module, self.module(x)), self.summaries)


def record_module(
    module: nn.Module,
    frames: Array,
    *,
    source: str = "",
    labels: tuple[str, ...] = (),
    frame_rate_hz: float | None = None,
    scores: str = "raw",
    notes: Mapping[str, str] = MappingProxyType({}),
) -> Watched:
    """Run `module` in evaluation mode over `frames`, float32 (time, ...) or int64 tokens (time,).

    Its input is (batch, time, ...); `notes` may name its features. Raises `InputError` for no frames and for a NaN or
    an infinity, by frame and feature, and `ModelRefused` where the module has no recurrence, or takes no such input.
    """
    check_frames(frames, source or type(module).__name__)
    x = torch.from_numpy(np.ascontiguousarray(frames))[None]
    with evaluation(module), torch.no_grad():
        try:
            result, parts = watch(module, x)
            named = _named(module, result)
            summaries = _summaries(module, x, named)
        except (RuntimeError, IndexError, TypeError) as error:
            reason = (str(error) or repr(error)).splitlines()[0]
            name = source or type(module).__name__
            raise ModelRefused(f"{name}: its forward fails on an input of shape {tuple(x.shape)}: {reason}") from error
        found = _by_frame(named, summaries)
        layers = tuple(_layer(part) for part in parts)
    recording = Recording(
        source=source or type(module).__name__,
        frames=frames.reshape(len(frames), -1),
        outputs={name: value[0].numpy() for name, value in found.items()},
        layers=layers,
        labels=labels,
        frame_rate_hz=frame_rate_hz,
        scores=scores,
        features=column_names(notes, x[0, 0].numel()),
    )
    return Watched(module, x, parts, recording, summaries)


def check_frames(frames: Array, place: str) -> None:
    """Raise `InputError` for no frames, and for the first NaN or infinity."""
    if not len(frames):
        raise InputError(f"{place}: expected at least one frame to explain, found none")
    bad = np.argwhere(~np.isfinite(frames.reshape(len(frames), -1)))
    if len(bad):
        frame, feature = (int(i) for i in bad[0])
        raise InputError(f"{place}: frame {frame}, feature {feature}: expected a finite number, found "
                         f"{frames.reshape(len(frames), -1)[frame, feature]}")  # fmt: skip


@contextmanager
def evaluation(module: nn.Module) -> Iterator[None]:
    """The module without dropout, its weights without gradients, on as many threads as pay; all is put back."""
    modes = [(part, part.training) for part in module.modules()]
    wanted = [(p, p.requires_grad) for p in module.parameters()]
    module.eval().requires_grad_(False)
    try:
        with worthwhile_threads(module):
            yield
    finally:
        for part, mode in modes:
            part.training = mode
        for parameter, needs in wanted:
            parameter.requires_grad_(needs)


def _named(module: nn.Module, result: Any) -> dict[str, Tensor]:
    """The outputs that are numbers; raises `ModelRefused` if there is none."""
    named = named_outputs(result, Tensor, isinstance(module, nn.RNNBase) or _takes_state(module))
    found = {name: value for name, value in named.items() if value.is_floating_point() and value.dim() > 1}
    if not found:
        raise ModelRefused(
            f"{type(module).__name__}: expected an output (batch, time, value) or (batch, value), found {sorted(named)}"
        )
    return found


def _summaries(module: nn.Module, x: Tensor, named: Mapping[str, Tensor]) -> frozenset[str]:
    """The outputs that do not grow with the sequence, found by a sequence of twice the length."""
    longer = _named(module, module(torch.cat([x, x], 1)))
    return frozenset(name for name, value in named.items() if longer[name].shape == value.shape)


def _by_frame(named: Mapping[str, Tensor], summaries: frozenset[str]) -> dict[str, Tensor]:
    """(batch, frames, value) each; a summary is one frame."""
    found = {}
    for name, value in named.items():
        if name in summaries:
            found[name] = value.flatten(1)[:, None]
        else:
            found[name] = value[:, :, None] if value.dim() == 2 else value.flatten(2)
    return found


def _takes_state(module: nn.Module) -> bool:
    parameters = list(inspect.signature(module.forward).parameters.values())
    return len(parameters) > 1 and parameters[1].default is None and parameters[1].name in _STATE_ARGUMENTS


def _layer(part: Part) -> Layer:
    inner = part.inner()
    return Layer(
        part.name,
        inner.cell,
        {name: value[0].numpy() for name, value in inner.states.items()},
        {name: value[0].numpy() for name, value in inner.gates.items()},
    )
