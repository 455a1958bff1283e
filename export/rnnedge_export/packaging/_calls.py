"""A sequence through a self-contained graph, whatever runs it: arrays of a call in, frames of the sequence out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnedge_export.packaging._self_contained import SelfContained
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Array, Contract

Call = Callable[[dict[str, Array]], Mapping[str, Array]]


class CallRunner:
    """A `Runner` over `call`, which takes and gives arrays with a batch of 1 in front; `begin` a sequence."""

    def __init__(self, contract: Contract, graph: SelfContained, call: Call, begin: Callable[[], None]) -> None:
        self._contract, self._graph, self._call, self._begin = contract, graph, call, begin
        self._states = contract.contexts
        self._shapes = {tensor.name: (1, *tensor.shape) for tensor in graph.inputs}
        self._context = initial_contexts(contract)

    def reset(self, context: Mapping[str, Array] | None = None) -> None:
        """As `Runner.reset`."""
        self._context = initial_contexts(self._contract) if context is None else dict(context)
        self._begin()

    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        """As `Runner.push`."""
        given = {**frames, **{s.input: np.moveaxis(self._context[s.input], s.batch_axis, 0) for s in self._states}}
        found = self._call({name: np.reshape(given[name], shape) for name, shape in self._shapes.items()})
        return {port.name: self._frames(port.name, found) for port in self._contract.outputs}

    def _frames(self, name: str, found: Mapping[str, Array]) -> Array:
        port = next(port for port in self._contract.outputs if port.name == name)
        array: Array = np.asarray(found[name])[0]
        # What has no dims but the batch has one in the package, see rule 2 of `_self_contained`.
        one = port.time_axis is None or not port.per_frame
        whole: Array = np.reshape(array, (1, *map(int, port.frame_shape))) if one else array
        if not port.per_frame:
            return whole
        count = port.clock.frames(self._contract.unit)
        valid = self._graph.counts.get(name)
        return whole if valid is None else whole[count - int(np.asarray(found[valid]).item()) :]
