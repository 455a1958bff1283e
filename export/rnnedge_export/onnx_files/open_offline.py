"""An ONNX file for whole sequences, opened as a source."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

import onnx

from rnnedge_export.arguments import checked_axis, checked_time_axis
from rnnedge_export.onnx_files._constants import with_constants
from rnnedge_export.onnx_files._full_lengths import with_full_lengths
from rnnedge_export.onnx_files._original import Original
from rnnedge_export.onnx_files._ports import frame_ports
from rnnedge_export.onnx_files._relaxed import relaxed
from rnnedge_export.onnx_files._wide_constants import open_rows, widen
from rnnedge_export.onnx_files.onnx_source import OnnxSource
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_export.onnx_files.time_axis import TimeAxis
from rnnedge_runtime.errors import ModelRefused


def open_offline(
    path: str | os.PathLike[str],
    time_axis: str | int,
    batch_axis: int | None,
    trust: str | None = None,
    opset: int = 20,
    constants: Mapping[str, Any] | None = None,
    contexts: Mapping[str, object] = MappingProxyType({}),
) -> OnnxSource:
    """Read the file at `path`; `batch_axis` None is axis 0, or 1 where time stands on axis 0, or no axis at all.

    `opset`: what a file of an opset that the passes do not read is brought to. `constants`: values of inputs by name.
    `contexts`: inputs that are values per sequence whatever their sizes, with defaults or None.
    """
    time, name = TimeAxis.parse(checked_time_axis(time_axis)), os.fspath(path)
    digest, proto = read_file(name, trust)
    if constants:
        rows = open_rows(proto, constants)
        proto = with_constants(proto, constants, name)
        widen(proto, rows, time.input_name, int(time.axis == 0) if batch_axis is None else batch_axis)
    proto = with_full_lengths(proto, time, batch_axis)
    if batch_axis is not None:
        return OnnxSource(name, digest, proto, time, checked_axis(batch_axis, "batch_axis"), opset, contexts)
    try:
        return OnnxSource(name, digest, proto, time, int(time.axis == 0), opset, contexts)
    except ModelRefused as refusal:
        if not _runs_without_batch(proto, time, name, contexts):
            raise
        first = refusal
    try:
        return OnnxSource(name, digest, proto, time, None, opset, contexts)
    except ModelRefused as refusal:
        # A file of (time, features) says what it lacks; the others say why their batch cannot be opened.
        frames = len(frame_ports(proto.graph, time.input_name, time.axis, None, name, contexts)[0].dims) - 1
        raise refusal if frames < 3 else first from None


def _runs_without_batch(proto: onnx.ModelProto, time: TimeAxis, name: str, contexts: Collection[str]) -> bool:
    """Whether the file takes sequences of other lengths where no axis is taken for the batch."""
    try:
        ports = frame_ports(proto.graph, time.input_name, time.axis, None, name, contexts)
        original = Original(relaxed(proto, ports), ports, name)
    except ModelRefused:
        return False
    return all(original.fails(1, length) is None for length in (48, 96))
