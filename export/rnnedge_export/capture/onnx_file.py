"""An ONNX file for whole sequences as a source: read, made free of fixed sizes, captured, and run as the oracle.

1. Opsets from 7 on; one that the passes do not read is converted by onnx's own converter.
2. The axes that the caller names become "batch" and "time", whatever sizes the file declares. A file that was written
   for one sequence is mended where a size of 1 was frozen into it; that it then treats sequences apart is checked.
3. What the file says of inner shapes is not used; they are measured.
4. The oracle is the file itself in onnxruntime, whole sequences at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.checker
import onnx_ir as ir
import torch
from torch import Tensor

from rnnedge_export.arguments import checked_axis, checked_time_axis
from rnnedge_export.capture._dynamic_batch import free_batch
from rnnedge_export.capture._foreign import read_foreign
from rnnedge_export.capture._plain import make_plain
from rnnedge_export.capture.capture import OPSETS, Captured, fold, strip
from rnnedge_export.capture.constants import fold_constants
from rnnedge_export.capture.files._opsets import OLDEST, opset_of, with_opset
from rnnedge_export.capture.module_adapter import Example
from rnnedge_export.capture.shape_probing import find_lengths, measure_shapes, session, without_remainders
from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.errors import ModelRefused

_DTYPES = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.INT64: np.int64}


@dataclass(frozen=True)
class TimeAxis:
    """Which input carries time, and on which axis of it."""

    input_name: str | None
    axis: int

    @staticmethod
    def parse(text: str) -> TimeAxis:
        """Read "1" or "input:1"; raises `ModelRefused` for anything else."""
        name, colon, axis = text.rpartition(":")
        if not (axis.isascii() and axis.isdigit() and len(axis) < 3) or (colon and not name):
            raise ModelRefused(f"time axis: expected a number or input:number, found {text!r}; such as audio:1")
        return TimeAxis(name or None, int(axis))


class OnnxSource:
    """The file at `path` as a function of one whole sequence, as `Source` is of a module."""

    def __init__(self, path: str | os.PathLike[str], time: TimeAxis, batch_axis: int, trust: str | None = None) -> None:
        """Read the file; raises `ModelRefused` where it is missing, damaged, or not a function of one sequence."""
        self.name = os.fspath(path)
        self.digest, proto = read_file(self.name, trust)
        port, declared = self._port(proto, time, batch_axis)
        self.input_name = port.name
        self.input_names: tuple[str, ...] = (str(port.name),)
        self.batch_axis, self.time_axis = batch_axis, time.axis
        self._dtype = _DTYPES[port.type.tensor_type.elem_type]
        self._dims = declared
        proto = free_batch(_relaxed(proto, port.name, batch_axis, time.axis), port.name, batch_axis)
        self.proto = proto
        self.output_names = tuple(value.name for value in proto.graph.output)
        self._session = self._load(proto)
        self.lengths = self._find_lengths()
        self._check_sequences_apart()

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Every output for a whole batch of whole sequences."""
        (x,) = inputs
        return tuple(torch.from_numpy(np.asarray(y)) for y in self._session.run(None, {self.input_name: x.numpy()}))

    def example(self) -> Example:
        """A sequence of the file's kind: random numbers, or tokens 0 and 1."""
        x = torch.from_numpy(self._feed(2, self.lengths.at_least(16)))
        return Example((x,), self.batch_axis, self.time_axis)

    def capture(self, opset: int) -> Captured:
        """The offline graph with measured shapes."""
        kept = opset_of(self.proto) in OPSETS
        model = ir.from_proto(self.proto if kept else with_opset(self.proto, opset, self.name))
        for value in model.graph.inputs:
            value.shape = ir.Shape(
                "batch" if i == self.batch_axis else "time" if i == self.time_axis else d
                for i, d in enumerate(value.shape or ())
            )
        for value in (v for node in model.graph for v in node.outputs):
            value.shape = None
        fold(model)
        fold_constants(model)
        strip(model)
        places = {str(node.name): _place(node) for node in model.graph.all_nodes()}

        def feed(batch: int, time: int) -> list[Any]:
            return [self._feed(batch, time)]

        lengths = measure_shapes(model, feed, without_remainders(model, feed, self.lengths))
        return Captured(model, self.batch_axis, self.time_axis, places, lengths)

    def _feed(self, batch: int, time: int) -> Any:
        rng = np.random.default_rng(batch * 100_003 + time)
        shape = [batch if i == self.batch_axis else time if i == self.time_axis else int(d or 1)
                 for i, d in enumerate(self._dims)]  # fmt: skip
        if self._dtype is np.int64:
            return rng.integers(0, 2, shape)
        return rng.standard_normal(shape, np.float32)

    def _port(self, proto: onnx.ModelProto, time: TimeAxis, batch_axis: int) -> tuple[Any, list[int | None]]:
        weights = {value.name for value in proto.graph.initializer}
        ports = [port for port in proto.graph.input if port.name not in weights]
        names = ", ".join(port.name for port in ports) or "none"
        found = [port for port in ports if time.input_name in (None, port.name)]
        if not found:
            raise ModelRefused(f"{self.name}: has no input {time.input_name!r}; it has {names}")
        if len(ports) > 1:
            raise ModelRefused(
                f"{self.name}: expected one input, found {names}; where the others are states that it takes and gives "
                "back, use 'rnnedge adopt'"
            )
        port = found[0]
        kind = port.type.tensor_type
        if kind.elem_type not in _DTYPES:
            dtype = onnx.TensorProto.DataType.Name(kind.elem_type).lower()
            raise ModelRefused(f"{self.name}: {port.name!r}: expected float32 or int64, found {dtype}")
        dims = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        shown = [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in kind.shape.dim]
        if batch_axis == time.axis or max(batch_axis, time.axis) >= len(dims):
            raise ModelRefused(
                f"{self.name}: {port.name!r}: expected batch on axis {batch_axis} and time on axis {time.axis}, found "
                f"shape {shown}; give --time-axis and --batch-axis"
            )
        for i, dim in enumerate(dims):
            if dim is None and i not in (batch_axis, time.axis):
                raise ModelRefused(f"{self.name}: {port.name!r}: axis {i} of {shown} has no size; give it one")
        self._declared = dims[time.axis]
        return port, dims

    def _load(self, proto: onnx.ModelProto) -> Any:
        try:
            return session(proto)
        # onnxruntime has a type of its own for every way to refuse a graph.
        except Exception as error:
            raise ModelRefused(f"{self.name}: onnxruntime refuses it: {str(error).splitlines()[0]}") from error

    def _works(self, time: int) -> bool:
        try:
            self._session.run(None, {self.input_name: self._feed(2, time)})
        except Exception:
            return False
        return True

    def _find_lengths(self) -> Lengths:
        return find_lengths(self._works, self._declared, self.name)

    def _check_sequences_apart(self) -> None:
        """Two sequences at once give what each gives alone; else a batch of one is written into the file."""
        time = self.lengths.at_least(16)
        both = self._feed(2, time)
        together = self._session.run(None, {self.input_name: both})
        for index in range(2):
            alone = self._session.run(None, {self.input_name: both.take([index], axis=self.batch_axis)})
            for name, one, two in zip(self.output_names, alone, together, strict=True):
                axes = [i for i, (a, b) in enumerate(zip(one.shape, two.shape, strict=True)) if b == 2 * a]
                if not any(
                    np.allclose(np.split(two, 2, axis)[index], one, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(one).max()))
                    for axis in axes
                ):
                    raise ModelRefused(
                        f"{self.name}: output {name!r}: two sequences at once do not give what each gives alone; "
                        "export it with a dynamic batch axis"
                    )


def open_offline(
    path: str | os.PathLike[str], time_axis: str | int, batch_axis: int | None, trust: str | None = None
) -> OnnxSource:
    """Read the file at `path`; `batch_axis` None is axis 0, or 1 where time stands on axis 0."""
    time = TimeAxis.parse(checked_time_axis(time_axis))
    batch_axis = None if batch_axis is None else checked_axis(batch_axis, "batch_axis")
    return OnnxSource(path, time, int(time.axis == 0) if batch_axis is None else batch_axis, trust)


def read_file(path: str, trust: str | None = None) -> tuple[str, onnx.ModelProto]:
    """(SHA-256, model) of the file at `path`, as `read_foreign` reads it; raises `ModelRefused`."""
    digest, proto = read_foreign(path, trust)
    if not proto.graph.node:
        raise ModelRefused(f"{path}: is not an ONNX file, or has no operators")
    make_plain(proto)
    if opset_of(proto) < OLDEST:
        raise ModelRefused(f"{path}: opset {opset_of(proto)}: expected {OLDEST} or later; convert it first")
    if any(key.key.startswith("rnnedge.") for key in proto.metadata_props):
        raise ModelRefused(f"{path}: streams already; it was made by rnnedge export")
    return digest, proto


def _relaxed(proto: onnx.ModelProto, name: str, batch_axis: int, time_axis: int) -> onnx.ModelProto:
    """A copy in which the two axes are open, and nothing is said of inner shapes."""
    relaxed = onnx.ModelProto()
    relaxed.CopyFrom(proto)
    graph = relaxed.graph
    weights = {value.name for value in graph.initializer}
    ports = [port for port in graph.input if port.name not in weights]
    del graph.input[:]
    graph.input.extend(ports)
    for port in graph.input:
        dims = port.type.tensor_type.shape.dim
        dims[batch_axis].dim_param, dims[time_axis].dim_param = "batch", "time"
    del graph.value_info[:]
    for port in graph.output:
        if port.type.tensor_type.HasField("shape"):
            port.type.tensor_type.ClearField("shape")
    relaxed.ir_version = max(relaxed.ir_version, 8)
    return relaxed


def _place(node: ir.Node) -> str:
    """A path such as encoder.gru out of a name such as /encoder/gru/GRU; the name itself where it is no path."""
    name = (node.name or "").strip("/")
    parts = name.split("/")
    return ".".join(parts[:-1]) if len(parts) > 1 else name
