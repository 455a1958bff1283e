"""A user's module seen as a function of one whole sequence: named inputs in, named outputs out."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_runtime.errors import ModelRefused

# Names under which an optional argument of `forward` is taken to be the state of the streaming convention
# `forward(x, state=None) -> (y, state)`; "hx" is torch.nn's own.
_STATE_ARGUMENTS = {"state", "states", "hx", "h0", "hidden", "hidden_state"}


@dataclass(frozen=True)
class Example:
    """The sequences a module is captured with: (batch, time, ...) in the module's own axis order.

    `states`: what the module takes behind its inputs, to start from: tensors, or tuples of them.
    """

    tensors: tuple[Tensor, ...]
    batch_axis: int
    time_axis: int
    states: tuple[Any, ...] = ()

    @property
    def length(self) -> int:
        """Frames of the example."""
        return self.tensors[0].shape[self.time_axis]

    @property
    def batch(self) -> int:
        """Sequences of the example."""
        return self.tensors[0].shape[self.batch_axis]

    def resized(self, batch: int, time: int) -> tuple[Tensor, ...]:
        """The example repeated and cut to other sizes; its values stay valid inputs (token numbers too)."""
        return tuple(self._resized(tensor, batch, time) for tensor in self.tensors)

    def _resized(self, tensor: Tensor, batch: int, time: int) -> Tensor:
        for axis, size in ((self.batch_axis, batch), (self.time_axis, time)):
            repeats = [1] * tensor.dim()
            repeats[axis] = -(-size // tensor.shape[axis])
            tensor = tensor.repeat(repeats).narrow(axis, 0, size)
        return tensor.contiguous()


def read_example(example: object, batch_axis: int, time_axis: int) -> Example:
    """Accept a tensor, or a tuple of tensors: inputs that share batch and time, and behind them states to start from.

    A tuple, or a tensor without the batch and time of the first one, is a state. Raises `ModelRefused` for anything a
    stream cannot be made of.
    """
    given = list(example) if isinstance(example, (tuple, list)) else [example]
    first = _read_tensor(given[0] if given else None, batch_axis, time_axis)

    def streamed(other: object) -> bool:
        return isinstance(other, Tensor) and other.dim() > max(batch_axis, time_axis) and all(
            other.shape[axis] == first.shape[axis] for axis in (batch_axis, time_axis)
        )  # fmt: skip

    count = next((i for i, other in enumerate(given) if i and not streamed(other)), len(given))
    inputs = (first, *(_read_tensor(other, batch_axis, time_axis) for other in given[1:count]))
    return Example(inputs, batch_axis, time_axis, tuple(_read_state(state) for state in given[count:]))


def _read_state(state: object) -> Any:
    if isinstance(state, (tuple, list)):
        return tuple(_read_state(part) for part in state)
    if not isinstance(state, Tensor) or state.dim() < 2:
        raise ModelRefused(
            f"example: expected inputs that share batch and time, and states with a batch axis, found "
            f"{tuple(state.shape) if isinstance(state, Tensor) else type(state).__name__}"
        )
    _check_values(state)
    # torch's recurrences have (layers, batch, features); hand-written cells (batch, features).
    return state.detach().cpu().narrow(1 if state.dim() > 2 else 0, 0, 1)


def _read_tensor(given: object, batch_axis: int, time_axis: int) -> Tensor:
    if not isinstance(given, Tensor):
        raise ModelRefused(f"example: expected a tensor (batch, time, ...), found {type(given).__name__}")
    _check_values(given)
    tensor = given.detach().cpu()
    axes = (batch_axis, time_axis)
    if batch_axis == time_axis or not all(0 <= axis < tensor.dim() for axis in axes):
        raise ModelRefused(
            f"example: expected batch on axis {batch_axis} and time on axis {time_axis}, found shape "
            f"{tuple(tensor.shape)}; add the axis or give batch_axis and time_axis"
        )
    if not tensor.numel():
        raise ModelRefused(f"example: expected at least one frame, found shape {tuple(tensor.shape)}")
    if tensor.dtype not in (torch.float32, torch.int64):
        raise ModelRefused(f"example: expected float32 (or int64 tokens), found {tensor.dtype}; convert it")
    return tensor


def _check_values(tensor: Tensor) -> None:
    """Raise `ModelRefused` for a tensor that has none, or not one for every place."""
    if tensor.is_meta or tensor.layout is not torch.strided:
        raise ModelRefused(f"example: expected a tensor with values, found {tensor.layout} on {tensor.device}")


class Source(nn.Module):
    """Wraps a module so that calling it gives a flat tuple of outputs, states left out.

    1. One tensor: named "y". A dict: its keys. A named tuple: its fields. A tuple: "y", "y1", "y2", ...
    2. The convention `forward(x, state=None) -> (y, state)`, which torch.nn.RNN/GRU/LSTM follow: the pair's second
       member is the state, which becomes explicit by itself, so it is not an output.
    """

    def __init__(self, module: nn.Module, example: Example) -> None:
        """Wrap `module`, which is called as `example` is; `output_names` is known after the first call."""
        super().__init__()
        self.module = module
        self._states, self._batch_axis = example.states, example.batch_axis
        self.input_names, self._returns_state = _read_signature(module, len(example.tensors), bool(example.states))
        self.output_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call the module."""
        return type(self.module).__name__

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Call the module on whole sequences."""
        batch = inputs[0].shape[self._batch_axis]
        named = self._named(self.module(*inputs, *(_for_batch(state, batch) for state in self._states)))
        self.output_names = tuple(named)
        return tuple(named.values())

    def _named(self, result: Any) -> dict[str, Tensor]:
        if self._returns_state and isinstance(result, tuple) and len(result) == 2:
            result = result[0]
        if isinstance(result, Tensor):
            return {"y": result}
        if isinstance(result, Mapping):
            leaves = {str(key): value for key, value in result.items()}
        elif isinstance(result, tuple) and hasattr(result, "_fields"):
            leaves = dict(zip(result._fields, result, strict=True))
        else:
            flat = list(_flatten(result))
            leaves = {f"y{i or ''}": value for i, value in enumerate(flat)}
        for name, value in leaves.items():
            if not isinstance(value, Tensor):
                raise ModelRefused(f"output {name!r}: expected a tensor, found {type(value).__name__}")
        return leaves


def weights_digest(module: nn.Module) -> str:
    """SHA-256 over the names, dtypes, shapes and bytes of a module's parameters and buffers."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _for_batch(state: Any, batch: int) -> Any:
    if isinstance(state, tuple):
        return tuple(_for_batch(part, batch) for part in state)
    axis = 1 if state.dim() > 2 else 0
    return state.expand(*(batch if i == axis else -1 for i in range(state.dim())))


def _read_signature(module: nn.Module, inputs: int, given_state: bool) -> tuple[tuple[str, ...], bool]:
    parameters = [
        p
        for p in inspect.signature(module.forward).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    names = [p.name for p in parameters[:inputs]]
    names += [f"x{i or ''}" for i in range(len(names), inputs)]
    following = parameters[inputs] if len(parameters) > inputs else None
    optional = following is not None and following.default is None and following.name in _STATE_ARGUMENTS
    return tuple(names), optional or given_state


def _flatten(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from _flatten(item)
    else:
        yield result
