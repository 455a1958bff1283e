"""The user's module as the user calls it: by the names and the order of its own `forward`.

Nothing here is shared with the capture, which wraps the module in its own way: an idea of the capture about a name, an
order or a state that is wrong cannot hide in both.

1. Inputs are given by the name of their parameter, by place if it has none.
2. What the example has after its inputs are states to start from, given to every sequence.
3. Outputs: one tensor is "y"; a dict has its keys, a named tuple its fields; others are "y", "y1", "y2" in order.
4. A state is no output: the second of two results if states were given, or if the parameter after the inputs is an
   optional state (`forward(x, state=None) -> (y, state)`, as of torch.nn.RNN, GRU and LSTM).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_SEED, _CHANGE = 60, 0.1
_OPTIONAL_STATES = ("state", "states", "hx", "h0", "hidden", "hidden_state")


class ModuleOracle:
    """Whole sequences through a module; created for one export or verification, which holds it in evaluation mode."""

    def __init__(self, module: nn.Module, example: object, inputs: int, batch_axis: int) -> None:
        """`example` as the user gave it: the first `inputs` of it are frames, what follows are states to start from."""
        self._module, self._batch_axis = module, batch_axis
        given = list(example) if isinstance(example, (tuple, list)) else [example]
        self._states = given[inputs:]
        parameters = [p for p in inspect.signature(module.forward).parameters.values() if p.name != "self"]
        by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._parameters = by_place
        self.input_names = tuple(
            by_place[k].name if k < len(by_place) else f"x{k}" if k else "x" for k in range(inputs)
        )
        after = by_place[inputs] if len(by_place) > inputs else None
        optional = after is not None and after.default is None and after.name in _OPTIONAL_STATES
        self._drops_state = bool(self._states) or optional
        self.output_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What messages call it."""
        return type(self._module).__name__

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output, in the module's own axis order."""
        batch = inputs[0].shape[self._batch_axis]
        given = [*inputs, *(_of_batch(state, batch) for state in self._states)]
        found = _outputs(self._called(given), self._drops_state)
        self.output_names = tuple(found)
        return tuple(found.values())

    def _called(self, given: list[Any]) -> Any:
        """By name if every argument has one."""
        parameters = self._parameters[: len(given)]
        if len(parameters) < len(given) or any(p.kind is p.POSITIONAL_ONLY for p in parameters):
            return self._module(*given)
        return self._module(**{p.name: value for p, value in zip(parameters, given, strict=True)})

    def in_float64(self) -> ModuleOracle:
        """The same, of a copy that computes in float64."""
        wide = copy.copy(self)
        # `double()` would leave complex weights as they are.
        wide._module = copy.deepcopy(self._module)._apply(_widened)  # type: ignore[no-untyped-call]
        wide._states = [_widened(state) for state in self._states]
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


def _outputs(result: Any, drops_state: bool) -> dict[str, Tensor]:
    """Cases 3 and 4."""
    if drops_state and isinstance(result, tuple) and len(result) == 2:
        result = result[0]
    if isinstance(result, Tensor):
        return {"y": result}
    if isinstance(result, Mapping):
        return {str(name): value for name, value in result.items()}
    if hasattr(result, "_asdict"):
        return dict(result._asdict())
    leaves = _leaves(result)
    return {"y" if k == 0 else f"y{k}": leaf for k, leaf in enumerate(leaves)}


def _leaves(result: Any) -> list[Any]:
    if not isinstance(result, (tuple, list)):
        return [result]
    return [leaf for part in result for leaf in _leaves(part)]


def _of_batch(state: Any, batch: int) -> Any:
    """The first sequence's state, for each of a batch: axis 1 of torch.nn's (layers, batch, unit), axis 0 of others."""
    if not isinstance(state, Tensor):
        return tuple(_of_batch(part, batch) for part in state)
    axis = 1 if state.dim() > 2 else 0
    return torch.cat([state.detach().cpu().narrow(axis, 0, 1)] * batch, axis)


def _widened(state: Any) -> Any:
    if not isinstance(state, Tensor):
        return tuple(_widened(part) for part in state)
    if state.is_complex():
        return state.to(torch.complex128)
    return state.double() if state.is_floating_point() else state
