"""A user's module seen as a function of one whole sequence: named inputs in, named outputs out."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture._returned_states import without
from rnnedge_export.capture.example import Example
from rnnedge_runtime.errors import ModelRefused

# Names under which an optional argument of `forward` is taken to be the state of the streaming convention
# `forward(x, state=None) -> (y, state)`; "hx" is torch.nn's own.
_STATE_ARGUMENTS = {"state", "states", "hx", "h0", "hidden", "hidden_state"}


# Arguments that are states by their names, wherever they stand.
_GIVEN_STATES = _STATE_ARGUMENTS | {"h", "c", "h_0", "c0", "c_0", "cx", "cell", "cell_state", "cache", "caches"}


class ModuleAdapter(nn.Module):
    """Wraps a module so that calling it gives a flat tuple of outputs, states left out.

    1. One tensor: named "y". A dict: its keys. A named tuple or dataclass: its fields. A tuple: "y", "y1", "y2", ...
       A result of None is none. One that is called like an input is called `x_out`.
    2. States and lengths that the example has found among the results are no outputs, whatever they are called.
    3. The convention `forward(x, state=None) -> (y, state)`, which torch.nn.RNN/GRU/LSTM follow: the pair's second
       member is the state, which becomes explicit by itself, so it is not an output. What steps a module of one step
       gives no states back.
    """

    def __init__(self, module: nn.Module, example: Example) -> None:
        """Wrap `module`, which is called as `example` is; `output_names` is known after the first call."""
        super().__init__()
        self.module = module
        self._example = example
        self.input_names = example.names or _first_parameters(module, len(example.tensors))
        self.extra_names = tuple(extra.name for extra in example.extras)
        self._steps = any(extra.state for extra in example.extras)
        self._returns_state: bool | None = _takes_state(module, (*self.input_names, *self.extra_names)) or None
        self.output_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call the module."""
        return type(self.module).__name__

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Call the module on whole sequences, and the extras of its example after them."""
        args, kwargs = self._example.call(inputs)
        extras = inputs[len(self._example.tensors) :]
        named = self._named(self.module(*args, **kwargs), extras)
        self.output_names = tuple(named)
        batch, time = (inputs[0].shape[axis] for axis in (self._example.batch_axis, self._example.time_axis))
        values = list(named.values())
        for index, batch_first in self._example.flat:
            values[index] = torch.unflatten(values[index], 0, (batch, time) if batch_first else (time, batch))
        return tuple(values)

    def _named(self, result: Any, extras: tuple[Tensor, ...]) -> dict[str, Tensor]:
        if self._example.left_out:
            result = without(result, self._example.left_out)
        elif isinstance(result, tuple) and len(result) == 2 and not self._steps and self._gives_back(result[1], extras):
            result = result[0]
        leaves = {name: value for name, value in _leaves(result).items() if value is not None}
        for name, value in leaves.items():
            if not isinstance(value, Tensor):
                raise ModelRefused(f"output {name!r}: expected a tensor, found {type(value).__name__}")
        if not leaves:
            raise ModelRefused(f"{self.name}: expected a tensor as its result, found {type(result).__name__}")
        return {_free(name, (*self.input_names, *self.extra_names), leaves): value for name, value in leaves.items()}

    def _gives_back(self, second: Any, extras: tuple[Tensor, ...]) -> bool:
        """Whether the second of two results is a state: the module takes one, or it has the sizes of what was given.

        The first call says which: at another length the sizes of another result may be the same.
        """
        if self._returns_state is None:
            kinds = [(tuple(part.shape), part.dtype) for _, part in _flatten(second) if isinstance(part, Tensor)]
            same = bool(extras) and kinds == [(tuple(extra.shape), extra.dtype) for extra in extras]
            self._returns_state = same or any(is_state(name) for name in self.extra_names)
        return self._returns_state


def is_state(name: str) -> bool:
    """Whether an argument, or a tensor in one, is a state by its name; a tuple of tensors is one."""
    return "." in name or name in _GIVEN_STATES


def weights_digest(module: nn.Module) -> str:
    """SHA-256 over the names, dtypes, shapes and bytes of a module's parameters and buffers."""
    digest = hashlib.sha256(type(module).__qualname__.encode())
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _places(module: nn.Module) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in inspect.signature(module.forward).parameters.values() if p.kind in kinds]


def _first_parameters(module: nn.Module, count: int) -> tuple[str, ...]:
    names = [p.name for p in _places(module)[:count]]
    return (*names, *(f"x{i or ''}" for i in range(len(names), count)))


def _takes_state(module: nn.Module, given: tuple[str, ...]) -> bool:
    """Whether the first parameter that the example leaves out is an optional state."""
    following = next((p for p in _places(module) if p.name not in given), None)
    return following is not None and following.default is None and following.name in _STATE_ARGUMENTS


def _leaves(result: Any) -> dict[str, Any]:
    """Case 1; what has no name of its own is numbered."""
    found: dict[str, Any] = {}
    for index, (name, value) in enumerate(_flatten(result)):
        found[name or f"y{index or ''}"] = value
    return found


def _flatten(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, value) of everything in a result; parts of a named one are called `name.part`."""
    fields = _fields(result)
    if fields is not None:
        for field, value in fields.items():
            yield from _flatten(value, f"{name}.{field}" if name else field)
    elif isinstance(result, (tuple, list)):
        for index, value in enumerate(result):
            yield from _flatten(value, f"{name}.{index}" if name else "")
    else:
        yield name, result


def _fields(result: Any) -> dict[str, Any] | None:
    if isinstance(result, Mapping):
        return {str(key): value for key, value in result.items()}
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return dict(zip(result._fields, result, strict=True))
    if dataclasses.is_dataclass(result):
        return {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    return None


def _free(name: str, inputs: tuple[str, ...], outputs: Mapping[str, Any]) -> str:
    """A name that no input has, and no other output."""
    free = name
    while free in inputs or (free != name and free in outputs):
        free += "_out"
    return free
