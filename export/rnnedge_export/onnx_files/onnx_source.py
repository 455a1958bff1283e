"""An ONNX file for whole sequences as a source: read, made free of fixed sizes, captured, and run as the oracle.

1. Opsets from 7 on; one that the passes do not read is converted by onnx's own converter.
2. The axes that the caller names become "batch" and "time", whatever sizes the file declares. A file that was written
   for one sequence is mended where a size of 1 was frozen into it; that it then treats sequences apart is checked.
3. What the file says of inner shapes is not used; they are measured.
4. The oracle is the file itself in onnxruntime, whole sequences at once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnx.checker
import onnx_ir as ir
import torch
from torch import Tensor

from rnnedge_export.capture.capture import OPSETS, Captured, fold, strip
from rnnedge_export.capture.constants import fold_constants
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.shape_probing import find_lengths, measure_shapes, without_remainders
from rnnedge_export.graph.cpu_session import session
from rnnedge_export.graph.lengths import Lengths
from rnnedge_export.onnx_files._contexts import check_read, extra_of
from rnnedge_export.onnx_files._dynamic_int8 import check_no_ranges
from rnnedge_export.onnx_files._failures import failure
from rnnedge_export.onnx_files._opening import opened
from rnnedge_export.onnx_files._opsets import opset_of, with_opset
from rnnedge_export.onnx_files._original import Original
from rnnedge_export.onnx_files._ports import frame_ports
from rnnedge_export.onnx_files._relaxed import relaxed
from rnnedge_export.onnx_files.quantized import in_float
from rnnedge_export.onnx_files.time_axis import TimeAxis
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError


class OnnxSource:
    """The file at `path` as a function of one whole sequence, as `ModuleAdapter` is of a module."""

    def __init__(
        self,
        name: str,
        digest: str,
        proto: onnx.ModelProto,
        time: TimeAxis,
        batch_axis: int | None,
        opset: int = 20,
        contexts: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        """`name`, `digest`: of the file, `proto` what it holds. `batch_axis`: None for a file that has none.

        `contexts`: inputs that are values per sequence, and what a stream has that is given none, None for nothing.

        Raises `ModelRefused` where it is not a function of one sequence.
        """
        self.name, self.digest = name, digest
        check_no_ranges(proto, name)
        self._ports = frame_ports(proto.graph, time.input_name, time.axis, batch_axis, self.name, contexts)
        self.input_names = tuple(port.name for port in self._ports if not port.context)
        self.batch_axis, self.time_axis = self._ports[0].batch_axis, self._ports[0].time_axis
        proto = relaxed(proto, self._ports)
        self._original = Original(proto, self._ports, self.name)
        self.output_names = self._original.output_names
        proto = in_float(proto)
        kept = opset_of(proto) in OPSETS
        self.proto = opened(proto if kept else with_opset(proto, opset, self.name), self._original)
        self._session = session(self.proto)
        self.lengths = self._find_lengths()
        self._run = self._oracle(self._check_sequences_apart())
        usual = self._original.feeds(1, self.lengths.at_least(16))
        values = [port for port in self._ports if port.context]
        self.contexts = tuple(extra_of(port, usual[port.name], contexts.get(port.name)) for port in values)
        self._rows = {extra.name: extra.first for extra in self.contexts}

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output for a whole batch of whole sequences."""
        feeds = {name: x.numpy() for name, x in zip(self.input_names, inputs, strict=True)}
        batch = inputs[0].shape[self.batch_axis]
        for extra in self.contexts:
            rows = self._rows[extra.name].numpy()
            feeds[extra.name] = rows.take(np.arange(batch) % rows.shape[extra.axis], extra.axis)
        return tuple(torch.from_numpy(y) for y in self._run(feeds))

    def with_context(self, rows: Mapping[str, Tensor]) -> OnnxSource:
        """The same with other values per sequence, as many sequences as there are, then again."""
        other = copy.copy(self)
        other._rows = {**self._rows, **rows}
        return other

    def example(self) -> Example:
        """A sequence of the file's kind: random numbers, or tokens 0 and 1."""
        feeds = self._original.feeds(2, self.lengths.at_least(16))
        frames = tuple(torch.from_numpy(feeds[name]) for name in self.input_names)
        return Example(frames, self.batch_axis, self.time_axis, self.contexts, self.input_names)

    def capture(self, _opset: int = 0) -> Captured:
        """The offline graph with measured shapes; its opset was chosen when the file was opened."""
        model = ir.from_proto(self.proto)
        for value, port in zip(model.graph.inputs, self._ports, strict=True):
            open_dims = {port.time_axis: "time", port.batch_axis: "batch"}
            value.shape = ir.Shape(open_dims.get(i, d) for i, d in enumerate(value.shape or ()))
        for value in (v for node in model.graph for v in node.outputs):
            value.shape = None
        fold(model)
        fold_constants(model)
        strip(model)
        check_read(list(model.graph.inputs)[len(self.input_names) :], self.name)
        places = {str(node.name): _place(node) for node in model.graph.all_nodes()}

        def feed(batch: int, time: int) -> list[Any]:
            return list(self._original.feeds(batch, time).values())

        try:
            lengths = measure_shapes(model, feed, without_remainders(model, feed, self.lengths))
        except RnnEdgeError:
            raise
        # onnxruntime has a type of its own for every way to fail.
        except Exception as error:
            raise ModelRefused(
                f"{self.name}: {failure(error)}, for sequences of other lengths than {self.lengths.least}; export it "
                "with dynamic batch and time axes"
            ) from error
        return Captured(model, self.batch_axis, self.time_axis, places, lengths, self.contexts)

    def _works(self, time: int) -> bool:
        return self._fails(2, time) is None

    def _fails(self, batch: int, time: int) -> str | None:
        try:
            self._session.run(None, self._original.feeds(batch, time))
        # onnxruntime has a type of its own for every way to fail.
        except Exception as error:
            return failure(error)
        return None

    def _find_lengths(self) -> Lengths:
        declared = self._ports[0].dims[self.time_axis]
        lengths = find_lengths(self._works, declared)
        # A batch or a length of 1 also fits where another one is frozen.
        if lengths is not None and self._works(lengths.at_least(16)) and self._works(lengths.at_least(40)):
            return lengths
        raise ModelRefused(f"{self.name}: {self._frozen(declared)}")

    def _frozen(self, declared: int | None) -> str:
        """What the file was written for, and takes nothing else of."""
        batch, time = self._original.declared, declared or 24
        alone = [t for t in (time, time + 1, time + 3, 2 * time) if self._original.fails(batch, t) is None]
        if len(alone) > 1:
            return (
                f"{self._fails(2, alone[0])}; it takes batches of {batch} only, so its batch axis cannot be opened; "
                "export it with a dynamic batch axis"
            )
        if alone:
            return (
                f"{self._fails(batch, time + 1)}; it takes sequences of {time} frames only; export it with a dynamic "
                "time axis"
            )
        reason = self._original.fails(batch, time)
        return f"{reason}; it takes no length that was tried; export it with a dynamic time axis"

    def _check_sequences_apart(self) -> dict[str, int]:
        """Two sequences at once give what each gives alone; else a batch of one is written into the file.

        Returns the batch axis of each output.
        """
        time, axes = self.lengths.at_least(16), {}
        both = self._original.feeds(2, time)
        together = self._opened(both)
        for index in range(2):
            single = {port.name: both[port.name].take([index], port.batch_axis) for port in self._ports}
            reason = self._fails(1, time)
            if reason is not None:
                raise ModelRefused(f"{self.name}: {reason}, for one sequence; export it with a dynamic batch axis")
            for name, one, two in zip(self.output_names, self._opened(single), together, strict=True):
                doubled = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if b == 2 * a]
                axis = next((axis for axis in doubled if _close(np.split(two, 2, axis)[index], one)), None)
                if axis is None:
                    raise ModelRefused(
                        f"{self.name}: output {name!r}: two sequences at once do not give what each gives alone; "
                        "export it with a dynamic batch axis"
                    )
                axes[name] = axis
        return axes

    def _oracle(self, batch_axes: Mapping[str, int]) -> Callable[[Mapping[str, Any]], list[Any]]:
        """The file as it came, in groups if it takes batches of one size only.

        If it is for the length that it declares alone, the opened file is compared with it there, and stands for it.
        """
        time, batch, declared = self.lengths.at_least(16), self._original.declared, self._original.declared_length
        if any(self._original.fails(b, time) for b in (1, 2, 3)):
            self._original.group(batch_axes)
        if all(self._original.fails(batch, t) is None for t in (time, time + self.lengths.grain)) and (
            declared is None or self._differs(batch, time) is None
        ):
            return self._original.run
        name = self._differs(batch, declared or time)
        if name is not None:
            raise ModelRefused(
                f"{self.name}: output {name!r}: opened for other lengths it computes something else; export it with a "
                "dynamic time axis"
            )
        return self._opened

    def _differs(self, batch: int, time: int) -> str | None:
        """The first output that the opened file computes otherwise; None where all are equal."""
        feeds = self._original.feeds(batch, time)
        pairs = zip(self.output_names, self._original.run(feeds), self._opened(feeds), strict=True)
        return next((name for name, a, b in pairs if a.shape != b.shape or not _close(b, a)), None)

    def _opened(self, feeds: Mapping[str, Any]) -> list[Any]:
        """Every output of the file with its batch and length open."""
        return [np.asarray(y) for y in self._session.run(None, dict(feeds))]


def _close(actual: Any, expected: Any) -> bool:
    """What is not finite is refused later, with its reason."""
    finite = np.abs(expected[np.isfinite(expected)])
    scale = max(1.0, finite.max(initial=0.0))
    return bool(np.allclose(actual, expected, rtol=1e-3, atol=1e-4 * scale, equal_nan=True))


def _place(node: ir.Node) -> str:
    """A path such as encoder.gru out of a name such as /encoder/gru/GRU; the name itself where it is no path."""
    name = (node.name or "").strip("/")
    parts = name.split("/")
    return ".".join(parts[:-1]) if len(parts) > 1 else name
