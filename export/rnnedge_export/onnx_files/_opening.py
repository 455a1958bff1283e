"""A file opened for any batch and any length: the habits of frameworks, mended one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import onnx_ir as ir

from rnnedge_export.capture.constants import fold_constants
from rnnedge_export.capture.shape_probing import shape_runner
from rnnedge_export.graph.cpu_session import session
from rnnedge_export.onnx_files._branches import settle_branches
from rnnedge_export.onnx_files._frame_dtypes import cast_frames
from rnnedge_export.onnx_files._frozen_reshapes import open_reshapes
from rnnedge_export.onnx_files._fused import write_fused
from rnnedge_export.onnx_files._initial_states import open_initial_states
from rnnedge_export.onnx_files._last_frame import take_last_frames
from rnnedge_export.onnx_files._loops import loops_to_scans
from rnnedge_export.onnx_files._original import Original
from rnnedge_export.onnx_files._sequence_lens import drop_full_lengths
from rnnedge_export.onnx_files.batching import with_batch
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

_USUAL = 24
"""Frames of a sequence, for a file that declares no number."""


def opened(proto: onnx.ModelProto, original: Original) -> onnx.ModelProto:
    """The same network for any batch and any length, as far as that can be told from the file and from running it."""
    time, batch = original.declared_length, original.declared
    model = ir.from_proto(proto)
    write_fused(model)
    # The version converter states shapes, those of the reshapes that are opened here too.
    for value in (value for node in model.graph for value in node.outputs):
        value.shape = None
    cast_frames(model, original.ports)
    fold_constants(model)
    if original.single:
        with_batch(model, _shapes(model, original), original.name)

    def feeds(length: int) -> Mapping[str, Array]:
        return original.feeds(batch, length)

    settle_branches(model, _various(original, batch, (time,) if time else (24, 31)), original.name)
    loops_to_scans(model, feeds, time, original.name)
    drop_full_lengths(model, feeds, time, original.name)
    open_initial_states(model, original.name, batch, (original.ports[0].batch_axis, original.time_axis))
    if not _runs(model, original, time or _USUAL):
        open_reshapes(model, original.feeds, batch, time or _USUAL, original.time_axis)
    take_last_frames(model, feeds, time)
    return ir.to_proto(model)


def _various(original: Original, batch: int, lengths: Sequence[int]) -> list[dict[str, Array]]:
    """Inputs of several lengths, of every sign, small and large: a condition on the frames changes with them."""
    given = [original.feeds(batch, length) for length in lengths]
    return [
        {name: x if x.dtype.kind != "f" else changed(x).astype(x.dtype) for name, x in feeds.items()}
        for feeds in given
        for changed in (np.positive, np.zeros_like, np.abs, lambda x: -1000 * np.abs(x), lambda x: 1000 * x)
    ]


def _shapes(model: ir.Model, original: Original) -> dict[str, tuple[int, ...]]:
    """Of every value of a file for one sequence, at a length that it takes."""
    usual = (original.declared_length or _USUAL, _USUAL, 64, 320, 512, 960, 1024, 16000)
    time = next((time for time in usual if original.fails(1, time) is None), None)
    if time is None:
        reason = original.fails(1, usual[0])
        raise ModelRefused(f"{original.name}: {reason}; it takes no length that was tried, for one sequence")
    names = [str(value.name) for node in model.graph for value in node.outputs if value.name]
    run, _ = shape_runner(model, names, lambda batch, time: [x[0] for x in original.feeds(batch, time).values()])
    inputs = {name: x.shape[1:] for name, x in original.feeds(1, time).items()}
    return {**inputs, **run(1, time)}


def _runs(model: ir.Model, original: Original, time: int) -> bool:
    """Whether it takes one sequence more, and other lengths, than it was written for."""
    try:
        running = session(ir.to_proto(model))
        for batch, length in ((1, time), (2, time + 1), (3, time + 3)):
            running.run(None, original.feeds(original.declared - 1 + batch, length))
    # onnxruntime has a type of its own for every way to fail.
    except Exception:
        return False
    return True
