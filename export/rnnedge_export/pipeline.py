"""The whole compiler: capture, streamify, form, precision, stamp, verify; the passes in order are in `session.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from rnnedge_export.arguments import checked_labels, checked_notes, checked_progress
from rnnedge_export.precision import Precision
from rnnedge_export.probes import check_asked
from rnnedge_export.publish import publish
from rnnedge_export.report import Report
from rnnedge_export.session import ExportOptions, ExportSession, of_file, of_module
from rnnedge_runtime.arguments import file_path, text
from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.contract import Normalization
from rnnedge_runtime.errors import ModelRefused


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
    taps: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
    notes: Mapping[str, str] | None = None,
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
    `taps`: "gates", "state" or both: inner values of every recurrence as further outputs, in a form that shows them;
    `contract.taps` says which outputs they are. Without them the file is the same, byte for byte.
    `progress` is called with the name of each stage as it begins. `notes` are added to the contract's provenance.

    Raises `ModelRefused` where the network cannot stream, `VerificationError` where the file would not compute what
    the module computes, `InputError` where `path` cannot be written. The file appears whole, or not at all. A file that
    is more than other machines load from somebody unknown is written with a `NotPortableWarning`.
    """
    shown = checked_labels(labels), normalization, check_asked(taps)
    options = ExportOptions(form, _precision(precision), calibration, chunk, frame_rate_hz, *shown)
    say, notes, path = checked_progress(progress), checked_notes(notes), file_path(path, "export: path")
    check_writable(path)
    with of_module(module, example, opset=opset, batch_axis=batch_axis, time_axis=time_axis, say=say) as session:
        return _write(session, options, path, say, notes)


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
    taps: Sequence[str] = (),
    trust: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Turn an ONNX file for whole sequences into one that streams, proven equal to it.

    `offline`: opset 14 to 22, from any framework; one input, float32 or int64. `time_axis`: the axis along which it is
    streamed, 1 or "input:1"; `batch_axis` is 0, or 1 where time is on axis 0. `opset` holds for files older than 18;
    others keep theirs. `trust`: "local" for a file that you would run as a program; any other one is at most 64 MiB and
    has its weights in itself. Everything else as for `export`; the file itself, run by onnxruntime, is the oracle.
    """
    shown = checked_labels(labels), normalization, check_asked(taps)
    options = ExportOptions(form, _precision(precision), calibration, chunk, frame_rate_hz, *shown)
    say, path, source = checked_progress(progress), file_path(path, "convert: path"), file_path(offline, "offline")
    check_writable(path)
    with of_file(source, opset=opset, batch_axis=batch_axis, time_axis=time_axis, trust=trust, say=say) as session:
        return _write(session, options, path, say)


def _write(
    session: ExportSession,
    options: ExportOptions,
    path: str | os.PathLike[str],
    say: Callable[[str], None],
    notes: Mapping[str, str] | None = None,
) -> Report:
    """The file appears when it is proven."""
    candidate = session.candidate(options, os.fspath(path), say)
    verification, shrunk = candidate.prove(say)
    data = candidate.stamped(notes)
    target, digest = publish(path, data, candidate.contract)
    steps = candidate.streaming.steps
    return Report(target, digest, len(data), candidate.contract, verification, steps, shrunk)


def _precision(given: str | Precision) -> Precision:
    return given if isinstance(given, Precision) else Precision(text(given, "precision", ModelRefused))
