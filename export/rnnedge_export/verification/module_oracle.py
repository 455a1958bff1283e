"""The user's module as the user calls it: by the names and the order of its own `forward`.

Nothing here is shared with the capture, which wraps the module in its own way: an idea of the capture about a name, an
order or a state that is wrong cannot hide in both.

1. Inputs are given by the name of their parameter, by place if it has none.
2. What the example has next to its sequences is given to every sequence; `with_context` gives other values.
3. Outputs: one tensor is "y"; a dict has its keys, a named tuple or dataclass its fields, with "key.part" for what is
   in them; others are "y", "y1", "y2" in order. None is no output. Where an input has the name, "_out" is added to it.
4. A state is no output: what continues the sequence if it is given back; or the second of two results if a state was
   given, by its name or by its shape, or if the first parameter that was not is an optional one (`forward(x,
   state=None) -> (y, state)`, as of torch.nn.RNN, GRU, LSTM). What steps a module of one step gives no states back.
5. What is neither a sequence nor goes with it is the length of the sequences: all frames, or 1.0 as a part of them.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture import Example
from rnnedge_runtime.arrays import array_of

_SEED, _CHANGE = 60, 0.1
_OPTIONAL_STATES = ("state", "states", "hx", "h0", "hidden", "hidden_state")
_STATES = (*_OPTIONAL_STATES, "h", "c", "h_0", "c0", "c_0", "cx", "cell", "cell_state", "cache", "caches")


class ModuleOracle:
    """Whole sequences through a module; created for one export or verification, which holds it in evaluation mode."""

    def __init__(
        self, module: nn.Module, example: object, given: Example, defaults: Mapping[str, object] = MappingProxyType({})
    ) -> None:
        """`example` as the user gave it; of `given` this takes what is a sequence, and where the batch of others is.

        `defaults`: what the user gave for contexts, for one sequence each.
        """
        self._module, self._batch_axis, self._time_axis = module, given.batch_axis, given.time_axis
        self._flat = given.flat
        parameters = [p for p in inspect.signature(module.forward).parameters.values() if p.name != "self"]
        by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._arguments, self._by_place = _arguments(example, [p.name for p in by_place])
        self._by_name = len(by_place) >= self._by_place and not any(
            p.kind is p.POSITIONAL_ONLY for p in by_place[: self._by_place]
        )
        self.input_names = tuple(given.names or list(self._arguments)[: len(given.tensors)])
        self._axes = {extra.name: extra.axis for extra in given.extras}
        # The sequences that extras are cut from: the default, or the first of the example, unless others are given.
        own = dict(_tensors(self._arguments))
        self._rows = {name: _first(own[name], axis, defaults.get(name)) for name, axis in self._axes.items()}
        after = next((p for p in by_place if p.name not in self._arguments), None)
        takes = after is not None and after.default is None and after.name in _OPTIONAL_STATES
        # None: not known before it is called.
        self._takes_state: bool | None = takes or any("." in name or name in _STATES for name in self._axes) or None
        self._returned = given.left_out
        self._steps = any(extra.state for extra in given.extras)
        self.output_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self._module).__name__

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output, in the module's own axis order."""
        batch, time = inputs[0].shape[self._batch_axis], inputs[0].shape[self._time_axis]
        frames = dict(zip(self.input_names, inputs, strict=True))
        extras = {name: _of_batch(rows, self._axes[name], batch) for name, rows in self._rows.items()}
        given = {
            n: frames[n] if n in frames else _with(n, value, extras, _whole(value, batch, time))
            for n, value in self._arguments.items()
        }
        kinds = [(tuple(extra.shape), extra.dtype) for extra in extras.values()]
        result = self._without_state(self._called(given), kinds)
        found = _outputs(result, (*self.input_names, *self._rows))
        self.output_names = tuple(found)
        return self._with_both_axes(list(found.values()), inputs[0])

    def _with_both_axes(self, values: list[Tensor], frames: Tensor) -> tuple[Tensor, ...]:
        """Rows of all frames of all sequences, with an axis for each of the two."""
        batch, time = frames.shape[self._batch_axis], frames.shape[self._time_axis]
        for index, batch_first in self._flat:
            sizes = (batch, time) if batch_first else (time, batch)
            values[index] = values[index].reshape(*sizes, *values[index].shape[1:])
        return tuple(values)

    def _without_state(self, result: Any, kinds: list[tuple[tuple[int, ...], torch.dtype]]) -> Any:
        """Case 4; what the first call gives says whether it is one."""
        if self._returned:
            return self._left(result)
        if self._steps or not isinstance(result, tuple) or len(result) != 2:
            return result
        if self._takes_state is None:
            second = [(tuple(leaf.shape), leaf.dtype) for _, leaf in _leaves(result[1], ()) if isinstance(leaf, Tensor)]
            self._takes_state = bool(kinds) and second == kinds
        return result[0] if self._takes_state else result

    def _left(self, result: Any) -> Any:
        """All but the states and lengths that were found by trying."""
        if isinstance(result, Mapping):
            return {key: value for key, value in result.items() if key not in self._returned}
        left = [k for k in range(len(result)) if k not in self._returned]
        if hasattr(result, "_fields"):
            return {result._fields[k]: result[k] for k in left}
        return result[left[0]] if len(left) == 1 else tuple(result[k] for k in left)

    def _called(self, given: dict[str, Any]) -> Any:
        """By name if every argument has one."""
        if self._by_name:
            return self._module(**given)
        values = list(given.values())
        return self._module(*values[: self._by_place], **dict(list(given.items())[self._by_place :]))

    def with_context(self, rows: Mapping[str, Tensor]) -> ModuleOracle:
        """The same with other values of some arguments per sequence, as many sequences as there are, then again."""
        other = copy.copy(self)
        other._rows = {**self._rows, **rows}
        return other

    def in_float64(self) -> ModuleOracle:
        """The same, of a copy that computes in float64."""
        wide = copy.copy(self)
        # `double()` would leave complex weights as they are.
        wide._module = copy.deepcopy(self._module)._apply(_widened)  # type: ignore[no-untyped-call]
        wide._rows = {name: _widened(rows) for name, rows in self._rows.items()}
        return wide

    def with_other_weights(self) -> ModuleOracle:
        """The same, of a copy none of whose weights is zero; buffers, such as masks, stay."""
        other = copy.copy(self)
        other._module = copy.deepcopy(self._module)
        rng = torch.Generator().manual_seed(_SEED)
        with torch.no_grad():
            for weight in other._module.parameters():
                if weight.is_floating_point() or weight.is_complex():
                    weight.add_(torch.randn(weight.shape, generator=rng, dtype=weight.dtype), alpha=_CHANGE)
        return other


def _arguments(example: object, names: list[str]) -> tuple[dict[str, Any], int]:
    """What the user gave, by the name of its parameter, and how many of them by place."""
    given = list(example) if isinstance(example, (tuple, list)) else [example]
    named: dict[str, Any] = {}
    last: Any = given[-1] if given else None
    if isinstance(last, Mapping):
        named.update(last)
        given.pop()
    found = {names[k] if k < len(names) else f"x{k}" if k else "x": value for k, value in enumerate(given)}
    ordered = [name for name in names if name in named] + [name for name in named if name not in names]
    return {**found, **{name: named[name] for name in ordered}}, len(given)


def _whole(value: Any, batch: int, time: int) -> Any:
    """Case 5: of as many sequences and frames, in numbers of the same kind; None for what is no number."""
    if not isinstance(value, Tensor):
        return time if type(value) is int else None
    part = torch.ones(batch if value.dim() else (), dtype=value.dtype)
    return part if value.is_floating_point() else part * time


def _with(name: str, value: Any, extras: Mapping[str, Tensor], whole: Any) -> Any:
    """An argument that is no sequence, its tensors replaced by those of this batch; a number is `whole`."""
    if value is None or isinstance(value, (Tensor, int)):
        return extras.get(name, whole)
    numbers = itertools.count()

    def filled(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {key: filled(each) for key, each in part.items()}
        if isinstance(part, (tuple, list)):
            each = [filled(inner) for inner in part]
            return type(part)(*each) if hasattr(part, "_fields") else type(part)(each)
        return extras.get(f"{name}.{next(numbers)}")

    return filled(value)


def _tensors(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """As `_with` calls them."""
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            yield name, value
        else:
            for number, (_, leaf) in enumerate(_leaves(value, ())):
                if isinstance(leaf, Tensor):
                    yield f"{name}.{number}", leaf


def _first(value: Tensor, axis: int, default: object) -> Tensor:
    """Of one sequence, with a batch of 1."""
    one = value.narrow(axis, 0, 1).contiguous()
    return one if default is None else torch.tensor(array_of(default, "context"), dtype=one.dtype).reshape(one.shape)


def _outputs(result: Any, input_names: tuple[str, ...]) -> dict[str, Tensor]:
    """Case 3."""
    found = {}
    for k, (path, leaf) in enumerate(_leaves(result, ())):
        key = ".".join(path) or ("y" if k == 0 else f"y{k}")
        if leaf is not None:
            found[key] = leaf
    return {_apart(key, input_names, list(found)): leaf for key, leaf in found.items()}


def _apart(key: str, inputs: tuple[str, ...], outputs: list[str]) -> str:
    if key not in inputs:
        return key
    longer = f"{key}_out"
    while longer in inputs or longer in outputs:
        longer = f"{longer}_out"
    return longer


def _leaves(result: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Every value of a result, with the keys that lead to it."""
    if isinstance(result, Mapping):
        parts = [(str(key), value) for key, value in result.items()]
    elif hasattr(result, "_asdict"):
        parts = list(result._asdict().items())
    elif hasattr(result, "__dataclass_fields__"):
        parts = [(key, getattr(result, key)) for key in result.__dataclass_fields__]
    elif isinstance(result, (tuple, list)):
        return [leaf for k, part in enumerate(result) for leaf in _leaves(part, (*path, str(k)) if path else ())]
    else:
        return [(path, result)]
    return [leaf for key, part in parts for leaf in _leaves(part, (*path, key))]


def _of_batch(rows: Tensor, axis: int, batch: int) -> Tensor:
    """As many sequences as a batch has, from the first on, again from the first if there are fewer."""
    index = torch.arange(batch) % rows.shape[axis]
    return rows.index_select(axis, index)


def _widened(state: Any) -> Any:
    if state.is_complex():
        return state.to(torch.complex128)
    return state.double() if state.is_floating_point() else state
