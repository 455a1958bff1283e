"""The whole compiler: capture, streamify, form, precision, stamp, verify."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from rnnedge_export.capture import Captured, Example, Source, capture, open_offline, read_example, weights_digest
from rnnedge_export.precision import REMEDY, Precision, Recording, Shrunk, read_recordings, shrink
from rnnedge_export.precision.drift import FRAMES
from rnnedge_export.reference import Oracle, Reference, evaluation
from rnnedge_export.report import Report, packages
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import Streaming, streamify
from rnnedge_export.verify import CHAINED_FRAMES_OF_ATTENTION, check_against, golden_of, require
from rnnedge_export.write_form import Written, write_form
from rnnedge_runtime.atomic import check_writable, write_bytes
from rnnedge_runtime.contract import FORMS, Array, Contract, Normalization
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.model import Model, load_bytes
from rnnedge_runtime.trust import remember

_DEFAULT_CHUNK = 4
_SEED = 23
# Native recurrences that have no operator in a precision; in the native form they are written as Scan.
SCANNED = {"int8": ("GRU", "RNN"), "int4": ("GRU", "LSTM", "RNN")}


@dataclass(frozen=True)
class Options:
    """How a file is written, and what its contract says beside what the graph itself determines."""

    form: str | None
    precision: Precision
    calibration: object
    chunk: int | None
    opset: int
    frame_rate_hz: float | None
    labels: tuple[str, ...]
    normalization: Normalization | None


def export(
    module: nn.Module,
    example: object,
    path: str | os.PathLike[str],
    *,
    form: str | None = None,
    precision: str | Precision = "float32",
    calibration: object = None,
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

    `example`: float32 (batch, time, ...) or int64 tokens (batch, time); other axis orders by `batch_axis` and
    `time_axis`. Its sizes do not matter, only its kind. A tuple where `forward` takes several inputs that share batch
    and time; states behind them, as in `forward(x, h0)`, are what every stream starts from by default.
    `form`: how the recurrent loop is written: "native" (ONNX RNN/GRU/LSTM), "scan", "unrolled" (`chunk` frames per
    call, 4 by default), "step" (one frame per call). By default "native"; where integers are asked for, "step", but for
    an int8 network of LSTMs only. `opset`: 18 to 22.
    `precision`: "float32", "float16", "int8", "int4", or a `Precision` with a tolerance, an error budget, layers and a
    task metric of its own. `calibration`: recordings that ranges of activations are taken from and the drift is
    measured on: an array (time, ...), a list of such, or of dicts by input name; each begins with a reset.
    `frame_rate_hz`, `labels`, `normalization` are written into the file's contract for whoever runs it.
    `progress` is called with the name of each stage as it begins.

    Raises `ModelRefused` where the network cannot stream, `VerificationError` where the file would not compute what
    the module computes, `InputError` where `path` cannot be written. The file appears whole, or not at all.
    """
    options = Options(
        form, _precision(precision), calibration, chunk, opset, frame_rate_hz, tuple(labels), normalization
    )
    say = progress or (lambda _: None)
    _check(options, path)
    with evaluation(module):
        given = read_example(example, batch_axis, time_axis)
        source = Source(module, given)
        say("capture")
        captured = capture(source, given, opset)
        return _compile(source, given, captured, path, options, _provenance(module), say)


def convert(
    offline: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    time_axis: str | int = 1,
    batch_axis: int | None = None,
    form: str | None = None,
    precision: str | Precision = "float32",
    calibration: object = None,
    chunk: int | None = None,
    opset: int = 20,
    frame_rate_hz: float | None = None,
    labels: Sequence[str] = (),
    normalization: Normalization | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Turn an ONNX file for whole sequences into one that streams, proven equal to it.

    `offline`: opset 14 to 22, from any framework; one input, float32 or int64. `time_axis`: the axis along which it is
    streamed, 1 or "input:1"; `batch_axis` is 0, or 1 where time is on axis 0. `opset` holds for files older than 18;
    others keep theirs. Everything else as for `export`; the file itself, run by onnxruntime, is the oracle.
    """
    options = Options(
        form, _precision(precision), calibration, chunk, opset, frame_rate_hz, tuple(labels), normalization
    )
    say = progress or (lambda _: None)
    _check(options, path)
    say("read")
    source = open_offline(offline, time_axis, batch_axis)
    say("capture")
    captured = source.capture(opset)
    provenance = {"source": Path(offline).name, "source_sha256": source.digest, **packages()}
    return _compile(source, source.example(), captured, path, options, provenance, say)


def _compile(
    source: Oracle,
    example: Example,
    captured: Captured,
    path: str | os.PathLike[str],
    options: Options,
    provenance: Mapping[str, str],
    say: Callable[[str], None],
) -> Report:
    """From the offline graph to the verified file."""
    say("streamify")
    precision = options.precision
    form, streaming = _streaming(captured, options)
    recurrences = [str(node.name) for node in streaming.recurrences]
    say("form")
    written = write_form(streaming, form, scanned=SCANNED.get(precision.name, ()))
    if streaming.attends:
        provenance = {**provenance, "chained_frames": str(CHAINED_FRAMES_OF_ATTENTION)}
    graph = written.contract(captured.model.opset_imports[""], captured.lengths)
    recordings = [] if options.calibration is None else read_recordings(options.calibration, graph)
    reference = Reference(source, example, captured.lengths, streaming.hop, recordings)
    contract = replace(
        graph,
        frame_rate_hz=options.frame_rate_hz,
        labels=options.labels,
        normalization=options.normalization,
        provenance=provenance,
        golden=golden_of(reference, streaming.hop),
    )
    say("stamp")
    data = stamp(written.model.clone(), contract)
    model = load_bytes(data, os.fspath(path), trust="local")
    say("verify")
    verification = check_against(model, reference, say)
    require(verification, os.fspath(path))
    shrunk = None
    if precision.name != "float32":
        shrunk = _shrink(written, contract, model, reference, options, recurrences, recordings, say)
        verification = check_against(shrunk.model, reference, say)
        require(verification, os.fspath(path), REMEDY)
        data, contract, model = shrunk.data, shrunk.contract, shrunk.model
    target = write_bytes(path, data)
    remember(model.digest)
    return Report(target, model.digest, len(data), contract, verification, streaming.steps, shrunk)


def _shrink(
    written: Written,
    contract: Contract,
    float32: Model,
    reference: Reference,
    options: Options,
    recurrences: Sequence[str],
    recordings: Sequence[Recording],
    say: Callable[[str], None],
) -> Shrunk:
    """In fewer bits, tried on the recordings, or on random frames where there are none."""
    asked = options.precision
    trial = recordings or [_one(reference.frames(1, reference.lengths.at_least(FRAMES), np.random.default_rng(_SEED)))]
    return shrink(
        written.model,
        contract,
        float32,
        asked,
        trial,
        calibrate=bool(recordings),
        recurrences=recurrences,
        say=say,
    )


def _one(frames: Mapping[str, Array]) -> Recording:
    return {name: array[0] for name, array in frames.items()}


def _precision(given: str | Precision) -> Precision:
    return given if isinstance(given, Precision) else Precision(given)


def _streaming(captured: Captured, options: Options) -> tuple[str, Streaming]:
    """The form and the streaming graph; a fixed number of frames per call is a multiple of the network's own hop."""
    free = streamify(captured.model, captured.batch_axis, captured.time_axis, captured.places, lengths=captured.lengths)
    form, chunk = options.form or _fastest_form(options.precision.name, free), options.chunk
    if form in ("native", "scan"):
        return form, free
    fixed = free.hop if form == "step" else chunk or -(-_DEFAULT_CHUNK // free.hop) * free.hop
    if fixed % free.hop:
        raise ModelRefused(f"chunk: expected a multiple of {free.hop} frames, found {fixed}: the network needs so many")
    fitting = streamify(
        captured.model, captured.batch_axis, captured.time_axis, captured.places, chunk=fixed, lengths=captured.lengths
    )
    return form, fitting


def _fastest_form(precision: str, streaming: Streaming) -> str:
    """For one frame a call: integer products are fastest in the step form, but an int8 LSTM has a native operator."""
    kinds = {node.op_type for node in streaming.recurrences}
    integers = precision in ("int8", "int4")
    return "step" if integers and not (precision == "int8" and kinds == {"LSTM"}) else "native"


def _check(options: Options, path: str | os.PathLike[str]) -> None:
    form, chunk = options.form, options.chunk
    if form is not None and form not in FORMS:
        raise ModelRefused(f"form: expected one of {', '.join(FORMS)}, found {form!r}")
    if chunk is not None and form != "unrolled":
        raise ModelRefused(f"chunk: only the unrolled form has a fixed number of frames, found form {form!r}")
    if chunk is not None and chunk < 1:
        raise ModelRefused(f"chunk: expected at least 1 frame, found {chunk}")
    check_writable(path)


def _provenance(module: nn.Module) -> dict[str, str]:
    return {"module": type(module).__qualname__, "weights_sha256": weights_digest(module), **packages()}
