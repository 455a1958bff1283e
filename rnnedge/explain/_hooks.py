"""Which recurrences a module has, and what goes into each of them: found by watching it run.

1. A torch.nn.RNN, GRU or LSTM of several layers is taken apart into one part per layer, named `PATH.l0`, `PATH.l1`.
2. Any other module within the network that turns (batch, time, ...) into (y, state), y with the same batch and time,
   is a recurrence too, if no recurrence stands within it; the network itself is none, unless there is no other.
3. A front end of `rnnedge.nn` gives (y, state) too, and says how many frames it makes: it is no recurrence.
4. A bidirectional layer reads the sequence from both ends, which no stream can: it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import rnnedge.explain._own_cells  # noqa: F401 - registers its readers
from rnnedge.explain.cells import Inner, State, plain, reader_of
from rnnedge_runtime.errors import ModelRefused


@dataclass(frozen=True, eq=False)
class Part:
    """One recurrent layer: its module (of one layer, batch first or not), what went in, and the state it began with."""

    name: str
    module: nn.Module
    x: Tensor
    state: State

    def inner(self, x: Tensor | None = None, state: State = None) -> Inner:
        """Run it again: over its own input, or over other input x (batch, time, feature) from another state."""
        read = reader_of(self.module) or plain
        return read(self.module, self.x, self.state) if x is None else read(self.module, x, state)


@dataclass(frozen=True)
class _Call:
    name: str
    module: nn.Module
    arguments: tuple[Any, ...]
    result: Any


def watch(module: nn.Module, x: Tensor) -> tuple[Any, tuple[Part, ...]]:
    """What the module gives for x (batch, time, ...), and its recurrences in the order in which they ran.

    Raises `ModelRefused` for a bidirectional layer, and if there is no recurrence.
    """
    calls: list[_Call] = []

    def hook(name: str) -> Any:
        def keep(part: nn.Module, arguments: tuple[Any, ...], given: Mapping[str, Any], result: Any) -> None:
            calls.append(_Call(name, part, (*arguments, *given.values()), result))

        return keep

    handles = [
        part.register_forward_hook(hook(name), with_kwargs=True)
        for name, part in module.named_modules()
        if name or isinstance(part, nn.RNNBase)
    ]
    try:
        result = module(x)
    finally:
        for handle in handles:
            handle.remove()
    found = [call for call in calls if _is_recurrence(call, x)]
    innermost = [c for c in found if not any(o is not c and _within(o.name, c.name) for o in found)]
    parts = tuple(_numbered([part for call in innermost for part in _parts(call)]))
    if not parts:
        raise ModelRefused(
            f"{type(module).__name__}: no recurrence found to look into; expected torch.nn.RNN, GRU or LSTM, or a "
            "module that turns (batch, time, feature) into (y, state)"
        )
    return result, parts


def _is_recurrence(call: _Call, x: Tensor) -> bool:
    if isinstance(call.module, nn.RNNBase):
        return bool(call.arguments) and isinstance(call.arguments[0], Tensor)
    result = call.result
    return not hasattr(call.module, "output_frames") and (
        isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], Tensor) and result[0].dim() == 3
        and bool(call.arguments) and isinstance(call.arguments[0], Tensor)
        and call.arguments[0].shape[:2] == result[0].shape[:2] and result[0].shape[0] == x.shape[0]
        and result[1] is not None
    )  # fmt: skip


def _within(inner: str, outer: str) -> bool:
    return inner.startswith(f"{outer}.") or (outer == "" and inner != "")


def _parts(call: _Call) -> Iterator[Part]:
    module, state = call.module, call.arguments[1] if len(call.arguments) > 1 else None
    name = call.name or type(module).__name__.lower()
    if not isinstance(module, nn.RNNBase):
        yield Part(name, module, call.arguments[0].detach(), state)
        return
    if module.bidirectional:
        raise ModelRefused(f"{name}: a bidirectional layer reads the sequence from its end, and cannot stream; explain "
                           "a forward one")  # fmt: skip
    x = call.arguments[0].detach()
    x = x if module.batch_first else x.transpose(0, 1)
    for index in range(module.num_layers):
        layer = one_layer(module, index)
        begin = None if state is None else tuple(s[index : index + 1] for s in state) if isinstance(state, tuple) else (
            state[index : index + 1]
        )  # fmt: skip
        part = Part(f"{name}.l{index}", layer, x, begin)
        yield part
        with torch.no_grad():
            x = part.inner().states["hidden"]


def one_layer(module: nn.RNNBase, index: int) -> nn.RNNBase:
    """Layer `index` of a stack by itself, batch first, with the same weights."""
    width = module.input_size if index == 0 else module.proj_size or module.hidden_size
    options: dict[str, Any] = {"bias": module.bias, "batch_first": True}
    if isinstance(module, nn.RNN):
        options["nonlinearity"] = module.nonlinearity
    elif isinstance(module, nn.LSTM):
        options["proj_size"] = module.proj_size
    kind = next(k for k in (nn.RNN, nn.GRU, nn.LSTM) if isinstance(module, k))
    layer = kind(width, module.hidden_size, **options)
    weights = {
        n.removesuffix(f"_l{index}") + "_l0": p for n, p in module.named_parameters() if n.endswith(f"_l{index}")
    }
    layer.load_state_dict(weights)
    return layer.eval()


def _numbered(parts: list[Part]) -> Iterator[Part]:
    """A second use of one module is called `name#1`, as in a file with taps."""
    seen: dict[str, int] = {}
    for part in parts:
        count = seen.get(part.name, 0)
        seen[part.name] = count + 1
        yield Part(f"{part.name}#{count}", part.module, part.x, part.state) if count else part
