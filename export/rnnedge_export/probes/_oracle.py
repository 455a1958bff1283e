"""A source whose outputs are followed by the taps: what a file with taps has to compute.

The outputs are the source's own. The taps come from the offline graph as it was captured, its native recurrences run
by onnxruntime over whole sequences: their X and Y, and from these the gates by `equations`. Of a Scan the states are
stacked by the same whole run.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass
from torch import Tensor

from rnnedge_export.capture import Captured
from rnnedge_export.forms.attributes import Recurrence, is_native, read
from rnnedge_export.forms.inline import is_scan
from rnnedge_export.graph.cpu_session import session
from rnnedge_export.oracle import Oracle, with_context
from rnnedge_export.probes._equations import inner_values
from rnnedge_export.probes._insert import Inserting, insert_taps, over_time
from rnnedge_export.probes._selection import values_of
from rnnedge_runtime.contract import Array, Contract, Tap

_LETTERS = ("x", "w", "r", "b", "lens", "h", "c", "p")


class TappedSource:
    """`source`, and after its outputs `taps`; created for one export or verification."""

    def __init__(self, source: Oracle, captured: Captured, taps: Sequence[Tap], asked: Sequence[str]) -> None:
        """`captured` is what `source` was captured as, without taps; `taps` is what `insert_taps` gave for `asked`."""
        self._source, self._taps = source, tuple(taps)
        self.name, self.input_names = source.name, source.input_names
        self._batch_axis = captured.batch_axis
        model = captured.model.clone()
        del model.graph.outputs[:]
        self._natives: dict[str, tuple[Recurrence, tuple[str, ...], dict[str, str]]] = {}
        self._order: list[str] = []
        inserting = Inserting(model, dict(captured.places), tuple(asked), None)
        for node in list(model.graph):
            if is_native(node) and over_time(node) and values_of(node.op_type, asked):
                self._order.append(f"native{len(self._order)}")
                self._natives[self._order[-1]] = (read(node), tuple(values_of(node.op_type, asked)), _probe(node))
            elif is_scan(node) and "state" in asked:
                before = len(inserting.taps)
                inserting.scan(node)
                self._order += [tap.output for tap in inserting.taps[before:]]
        RemoveUnusedNodesPass()(model)
        self._session = session(ir.to_proto(model))
        self._names = [str(value.name) for value in model.graph.outputs]
        self._axes = {extra.name: extra.axis for extra in captured.contexts}
        self._rows = {extra.name: extra.first for extra in captured.contexts}

    @property
    def output_names(self) -> tuple[str, ...]:
        """The source's outputs, then the taps."""
        return (*self._source.output_names, *(tap.output for tap in self._taps))

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output for a batch of whole sequences; taps are (time, batch, unit)."""
        feeds = {name: x.numpy() for name, x in zip(self.input_names, inputs, strict=True)}
        batch = inputs[0].shape[self._batch_axis]
        for name, rows in self._rows.items():
            feeds[name] = rows.numpy().take(np.arange(batch) % rows.shape[self._axes[name]], axis=self._axes[name])
        wanted = [port.name for port in self._session.get_inputs()]
        found = dict(zip(self._names, self._session.run(None, {name: feeds[name] for name in wanted}), strict=True))
        taps = [torch.from_numpy(array) for array in self._inner(found)]
        return (*self._source(*inputs), *taps)

    def with_context(self, rows: Mapping[str, Tensor]) -> TappedSource:
        """The same, with other values per sequence."""
        other = copy.copy(self)
        other._source, other._rows = with_context(self._source, rows), {**self._rows, **rows}
        return other

    def in_float64(self) -> Oracle | None:
        """The source alone in float64, which has no taps."""
        make = getattr(self._source, "in_float64", None)
        return None if make is None else make()

    def with_other_weights(self) -> Oracle | None:
        """The source alone, as in float64."""
        make = getattr(self._source, "with_other_weights", None)
        return None if make is None else make()

    def _inner(self, found: Mapping[str, Array]) -> Iterator[Array]:
        for name in self._order:
            if name not in self._natives:
                yield found[name]
                continue
            spec, values, probes = self._natives[name]
            inner = inner_values(spec, _time_major(spec, {letter: found[probe] for letter, probe in probes.items()}))
            yield from (inner[value] for value in values)


def with_taps(source: Oracle, contract: Contract, capture: Callable[[int], Captured]) -> Oracle:
    """`source` with the taps that a file has; `capture` (opset) is asked only where it has some."""
    kinds = {tap.kind for tap in contract.taps}
    if not kinds:
        return source
    asked = tuple(name for name, kind in (("gates", "gate"), ("state", "state")) if kind in kinds)
    captured = capture(contract.opset)
    return TappedSource(source, captured, insert_taps(captured, asked).taps, asked)


def _time_major(spec: Recurrence, given: dict[str, Array]) -> dict[str, Array]:
    """One direction of everything, x and y (time, batch, ...)."""
    layout = spec.layout
    arrays = {name: array[0] for name, array in given.items() if name in ("w", "r", "b", "p")}
    arrays |= {name: array.take(0, axis=layout) for name, array in given.items() if name in ("h", "c")}
    x, y = given["x"], given["y"].take(0, axis=layout + 1)
    return {**arrays, "x": x.swapaxes(0, 1), "y": y.swapaxes(0, 1)} if layout else {**arrays, "x": x, "y": y}


def _probe(node: ir.Node) -> dict[str, str]:
    """What goes into a native recurrence, and its Y, as outputs of the graph; their names by letter."""
    graph = node.graph
    assert isinstance(graph, ir.Graph)
    values = {letter: v for letter, v in zip(_LETTERS, node.inputs, strict=False) if v is not None and letter != "lens"}
    names = {}
    for letter, value in (values | {"y": node.outputs[0]}).items():
        copy = ir.Node("", "Identity", [value])
        copy.outputs[0].name = f"probe{len(graph.outputs)}.{letter}"
        copy.outputs[0].type = value.type
        graph.append(copy)
        graph.outputs.append(copy.outputs[0])
        names[letter] = str(copy.outputs[0].name)
    return names
