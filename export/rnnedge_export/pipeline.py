"""The whole compiler: capture, streamify, form, stamp, verify."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version

import numpy as np
from torch import nn

from rnnedge_export.capture import Captured, Source, capture, read_example, weights_digest
from rnnedge_export.reference import Reference, evaluation
from rnnedge_export.report import Report
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import Streaming, streamify
from rnnedge_export.verify import TOLERANCE, check_against, require
from rnnedge_export.write_form import write_form
from rnnedge_runtime.atomic import check_writable, write_bytes
from rnnedge_runtime.contract import FORMS, Golden, Normalization
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.model import load_bytes

_GOLDEN_FRAMES = 16
_DEFAULT_CHUNK = 4


def export(
    module: nn.Module,
    example: object,
    path: str | os.PathLike[str],
    *,
    form: str = "native",
    precision: str = "float32",
    chunk: int | None = None,
    opset: int = 20,
    batch_axis: int = 0,
    time_axis: int = 1,
    frame_rate_hz: float | None = None,
    labels: Sequence[str] = (),
    normalization: Normalization | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Turn a PyTorch module for whole sequences into an ONNX file that streams, proven equal to it.

    `example`: float32 (batch, time, ...) or int64 tokens (batch, time), or a tuple holding it; other axis orders by
    `batch_axis` and `time_axis`. Its sizes do not matter, only its kind.
    `form`: how the recurrent loop is written: "native" (ONNX RNN/GRU/LSTM), "scan", "unrolled" (`chunk` frames per
    call, 4 by default), "step" (one frame per call). `opset`: 18 to 22.
    `frame_rate_hz`, `labels`, `normalization` are written into the file's contract for whoever runs it.
    `progress` is called with the name of each stage as it begins.

    Raises `ModelRefused` where the network cannot stream, `VerificationError` where the file would not compute what
    the module computes, `InputError` where `path` cannot be written. The file appears whole, or not at all.
    """
    say = progress or (lambda _: None)
    _check_options(form, precision, chunk)
    check_writable(path)
    with evaluation(module):
        source = Source(module)
        given = read_example(example, batch_axis, time_axis)
        say("capture")
        captured = capture(source, given, opset)
        say("streamify")
        streaming = _streaming(captured, form, chunk)
        say("form")
        written = write_form(streaming, form)
        reference = Reference(source, given, captured.lengths)
        contract = replace(
            written.contract(opset, captured.lengths),
            frame_rate_hz=frame_rate_hz,
            labels=tuple(labels),
            normalization=normalization,
            provenance=_provenance(module),
            golden=_golden(source, reference),
        )
        say("stamp")
        data = stamp(written.model, contract)
        model = load_bytes(data, os.fspath(path))
        say("verify")
        verification = check_against(model, reference, progress)
        require(verification, os.fspath(path))
    target = write_bytes(path, data)
    return Report(target, model.digest, len(data), contract, verification, streaming.steps)


def _streaming(captured: Captured, form: str, chunk: int | None) -> Streaming:
    """The streaming graph; a fixed number of frames per call is a multiple of the network's own hop."""
    free = streamify(captured.model, captured.batch_axis, captured.time_axis, captured.places, lengths=captured.lengths)
    if form in ("native", "scan"):
        return free
    fixed = free.hop if form == "step" else chunk or -(-_DEFAULT_CHUNK // free.hop) * free.hop
    if fixed % free.hop:
        raise ModelRefused(f"chunk: expected a multiple of {free.hop} frames, found {fixed}: the network needs so many")
    return streamify(
        captured.model,
        captured.batch_axis,
        captured.time_axis,
        captured.places,
        chunk=fixed,
        lengths=captured.lengths,
    )


def _check_options(form: str, precision: str, chunk: int | None) -> None:
    if form not in FORMS:
        raise ModelRefused(f"form: expected one of {', '.join(FORMS)}, found {form!r}")
    if precision != "float32":
        raise ModelRefused(f"precision: expected float32, found {precision!r}")
    if chunk is not None and form != "unrolled":
        raise ModelRefused(f"chunk: only the unrolled form has a fixed number of frames, found form {form!r}")
    if chunk is not None and chunk < 1:
        raise ModelRefused(f"chunk: expected at least 1 frame, found {chunk}")


def _provenance(module: nn.Module) -> dict[str, str]:
    packages = ("rnnedge", "torch", "onnx", "onnxscript", "onnxruntime")
    return {
        "module": type(module).__qualname__,
        "weights_sha256": weights_digest(module),
        **{package: version(package) for package in packages},
    }


def _golden(source: Source, reference: Reference) -> Golden:
    frames = reference.frames(1, reference.lengths.at_least(_GOLDEN_FRAMES), np.random.default_rng(0))
    outputs = {name: np.ascontiguousarray(value[0]) for name, value in reference(frames).items()}
    scale = max(1.0, *(float(np.abs(value).max(initial=0.0)) for value in outputs.values()))
    return Golden({source.input_name: frames[0]}, outputs, TOLERANCE * scale)
