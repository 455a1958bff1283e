"""The public functions that make a file: capture, passes, proof, and only then the disk."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from rnnedge_export.arguments import checked_constants, checked_notes, checked_progress
from rnnedge_export.options import ExportKeywords, ExportOptions
from rnnedge_export.publish import check_written, publish
from rnnedge_export.report import Report
from rnnedge_export.session import ExportSession
from rnnedge_export.sources import of_file, of_module
from rnnedge_export.work import Say
from rnnedge_runtime.arguments import file_path, instance, nearest
from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.errors import ModelRefused

if TYPE_CHECKING:
    from typing_extensions import Unpack

F = TypeVar("F", bound=Callable[..., Report])
# What torch.onnx.export is given, and what says it here.
_OF_TORCH = {
    "opset_version": "use opset",
    "dynamic_axes": "leave it out: batch and time are open",
    "dynamic_shapes": "leave it out: batch and time are open",
    "dynamo": "leave it out",
    "input_names": "leave it out: inputs are called as the arguments of forward",
    "output_names": "leave it out: outputs are called as the keys of a dict that forward returns",
    "quantize": 'use precision, such as "int8"',
    "fp16": 'use precision="float16"',
}


def _with_options(function: F) -> F:
    """Put the fields of `ExportOptions` into the signature, in place of `**chosen`: `help` and editors show them."""
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    chosen = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type)
        for f in fields(ExportOptions)
        if f.default is not MISSING
    ]
    function.__signature__ = signature.replace(parameters=[*own, *chosen])  # type: ignore[attr-defined]
    return function


@_with_options
def export(
    module: nn.Module,
    example: object,
    path: str | os.PathLike[str],
    *,
    opset: int = 20,
    batch_axis: int = 0,
    time_axis: int = 1,
    context: Mapping[str, object] | Iterable[str] = (),
    progress: Callable[[str], None] | None = None,
    notes: Mapping[str, str] | None = None,
    options: ExportOptions | None = None,
    **chosen: Unpack[ExportKeywords],
) -> Report:
    """Turn a PyTorch module for whole sequences into an ONNX file that streams, proven equal to it.

    `example`: float32 (batch, time, ...) or int64 tokens (batch, time); other axis orders by `batch_axis` and
    `time_axis`. Its sizes do not matter, only its kind. A tuple if `forward` takes several inputs that share batch
    and time, or a dict by name, which may also stand at the end of a tuple; None stays None. States next to them, as in
    `forward(x, h0)`, are what every stream starts from by default. Anything else is a value per sequence, such as a
    speaker (batch, d) or a language (batch,): `contract.contexts`, which every stream is given.
    `context`: names of arguments that are values per sequence although their sizes are those of frames; as a dict, what
    a stream has that is given none, (d,), or None.
    `opset`: 18 to 22. `progress` is called with the name of each stage as it begins. `notes` are added to the
    contract's provenance.

    The fields of `ExportOptions` are given by keyword, or all of them as `options`; a keyword wins.
    `form`: how the recurrent loop is written: "native" (ONNX RNN/GRU/LSTM), "scan", "unrolled" (`chunk` frames per
    call, 4 by default), "step" (one frame per call). By default "native"; for integers "step", except for an int8
    network of LSTMs only.
    `precision`: "float32", "float16", "bf16", "int8", "int4", or a `Precision` with a tolerance, an error budget,
    layers and a task metric of its own. `calibration`: recordings that ranges of activations are taken from and the
    drift is measured on: an array (time, ...), a list of such, or of dicts by input name; each begins with a reset.
    `frame_rate_hz`, `labels`, `normalization` are written into the file's contract for the program that runs it;
    a normalization of "int16 PCM" says that the network takes 16-bit samples as they are, and scales them itself.
    `taps`: "gates", "state" or both: inner values of every recurrence as further outputs, in a form that shows
    them; `contract.taps` says which outputs they are. Without them the file is the same, byte for byte.
    `sample`: recordings of your own, given as `calibration` is, that the file is proven on; the contract says which.
    `effort`: how hard the file is proven, `Effort()` by default.

    Raises `ModelRefused` if the network cannot stream, `VerificationError` if the file would not compute what the
    module computes, `InputError` if `path` cannot be written. The file appears whole, or not at all. A file that is
    more than other machines load from a stranger is written with a `NotPortableWarning`.
    """
    options = _options(options, chosen)
    say, notes, path = checked_progress(progress), checked_notes(notes), file_path(path, "export: path")
    began = perf_counter()
    check_writable(path)
    axes = {"batch_axis": batch_axis, "time_axis": time_axis}
    with of_module(module, example, opset=opset, context=context, say=say, **axes) as session:
        return write(session, options, path, say, began, notes)


@_with_options
def convert(
    offline: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    time_axis: str | int = 1,
    batch_axis: int | None = None,
    opset: int = 20,
    constants: Mapping[str, Any] | None = None,
    context: Mapping[str, object] | Iterable[str] = (),
    trust: str | None = None,
    progress: Callable[[str], None] | None = None,
    options: ExportOptions | None = None,
    **chosen: Unpack[ExportKeywords],
) -> Report:
    """Turn an ONNX file for whole sequences into one that streams, proven equal to it.

    `offline`: opset 7 or later, from any framework; inputs that share batch and time, float or integers. `time_axis`:
    the axis along which it is streamed, 1 or "input:1"; `batch_axis` is 0, or 1 if time is on axis 0. `opset` holds for
    files outside of 18 to 22; others keep theirs. `constants`: values of inputs that never change, numbers or arrays.
    An input with a batch and else sizes is a value per sequence, as for `export`; `context`: names of others that are,
    or defaults by name. `trust`: "local" for a file that you would run as a program; any other one is at most 64 MiB
    and has its weights in itself. Everything else as for `export`; the file itself, run by onnxruntime, is the oracle.
    """
    options = _options(options, chosen)
    say, path, source = checked_progress(progress), file_path(path, "convert: path"), file_path(offline, "offline")
    began = perf_counter()
    check_writable(path)
    axes: dict[str, Any] = {"batch_axis": batch_axis, "time_axis": time_axis}
    values: dict[str, Any] = {"constants": checked_constants(constants), "context": context}
    with of_file(source, opset=opset, **axes, **values, trust=trust, say=say) as session:
        return write(session, options, path, say, began)


def _options(options: ExportOptions | None, chosen: ExportKeywords) -> ExportOptions:
    given = ExportOptions() if options is None else instance(options, "options", ExportOptions, ModelRefused)
    known = [option.name for option in fields(ExportOptions)]
    for name in chosen:
        if name not in known:
            ours = inspect.signature(export).parameters
            hint = f"; {_OF_TORCH[name]}" if name in _OF_TORCH else nearest(name, ours)
            raise TypeError(f"export() got an unexpected keyword argument {name!r}{hint}")
    return replace(given, **chosen)


def write(
    session: ExportSession,
    options: ExportOptions,
    path: str | os.PathLike[str],
    say: Say,
    began: float,
    notes: Mapping[str, str] | None = None,
) -> Report:
    """One file of a source that was captured; it appears when it is proven, as the bytes that were proven.

    `began`: when the work that the report counts began, by `perf_counter`. Everything else as for `export`.
    """
    candidate = session.candidate(options, os.fspath(path), say, notes)
    verification, shrunk = candidate.prove(say)
    target, digest = publish(path, candidate.data, candidate.contract)
    check_written(target, verification.digest)
    steps = candidate.streaming.steps
    seconds = perf_counter() - began
    return Report(target, digest, len(candidate.data), candidate.contract, verification, steps, shrunk, seconds)
