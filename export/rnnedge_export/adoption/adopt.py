"""A contract for an ONNX file that streams already, with states that it takes and gives back.

1. The states are named by the caller, input and output; they start from zeros.
2. Inputs that never change (a sampling rate) become constants, and what follows from them is computed once.
3. A file that wants the end of the last call in front of the next one (a context) gets it as one more state.
4. The oracle is the file itself, called in a loop over each sequence alone, as its author's wrapper does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from rnnedge_export.adoption._contract import contract_of
from rnnedge_export.arguments import (
    checked_axis,
    checked_constants,
    checked_frames,
    checked_labels,
    checked_pairs,
    checked_progress,
    checked_rate,
    checked_time_axis,
)
from rnnedge_export.defects import defects_told
from rnnedge_export.graph.lengths import ANY_LENGTH
from rnnedge_export.onnx_files._adoption import NOTE, Calling, example_of, open_stateful
from rnnedge_export.onnx_files._constants import declared_shape
from rnnedge_export.onnx_files._stateful import StatefulFile
from rnnedge_export.onnx_files.read_file import read_file
from rnnedge_export.onnx_files.time_axis import TimeAxis
from rnnedge_export.publish import check_written, publish
from rnnedge_export.recordings import read_recordings
from rnnedge_export.reference import Reference
from rnnedge_export.report import Report, packages
from rnnedge_export.stamp import stamp
from rnnedge_export.verification import Effort, check_against, frames_in_words, golden_of, proven_on, require
from rnnedge_export.verification.number_ranges import with_ranges
from rnnedge_runtime.arguments import file_path, instance, texts
from rnnedge_runtime.atomic import check_writable
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.loader import load_bytes


def adopt(
    file: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    states: Mapping[str, str] | None = None,
    time_axis: str | int | None = 1,
    batch_axis: int | None = None,
    chunk: int | None = None,
    context: int = 0,
    constants: Mapping[str, Any] | None = None,
    per_sequence: Sequence[str] = (),
    frame_rate_hz: float | None = None,
    labels: Sequence[str] = (),
    trust: str | None = None,
    progress: Callable[[str], None] | None = None,
    effort: Effort | None = None,
    sample: object = None,
) -> Report:
    """Stamp a contract onto a file with states of its own, so that the runtime streams it, and prove it.

    `states`: name of a state's input -> name of the output that gives it back; none for a file that takes a window of
    frames. `time_axis`: 1, "input:1", or None where a call takes one frame (batch, features) and has no axis for it.
    `chunk`: frames a call takes; None for any number, or for the one that the file declares if it takes no other.
    `context`: frames of the call before that each call wants in front of its own; zeros at first. `constants`: values
    of inputs that never change, numbers or arrays. `per_sequence`: inputs such as a speaker, which every stream is
    given. `trust`: "local" for a file that you would run as a program; any other one is at most 64 MiB and has its
    weights in itself. `effort`: how hard the file is proven. `sample`: recordings of your own that it is proven on,
    too, as for `export`; the contract says which.

    Raises `ModelRefused` where the file does not run so, `VerificationError` where its stream is not what it computes.
    """
    say = checked_progress(progress)
    file, path = file_path(file, "adopt: file"), file_path(path, "adopt: path")
    states, values = checked_pairs({} if states is None else states), checked_constants(constants)
    axis = None if time_axis is None else TimeAxis.parse(checked_time_axis(time_axis)).axis
    batch_axis = None if batch_axis is None else checked_axis(batch_axis, "batch_axis")
    chunk = None if chunk is None else checked_frames(chunk, "chunk")
    context = checked_frames(context, "context", 0)
    labels, frame_rate_hz = checked_labels(labels), checked_rate(frame_rate_hz)
    effort = Effort() if effort is None else instance(effort, "adopt: effort", Effort, ModelRefused)
    check_writable(path)
    with defects_told(Path(file).name):
        say("read")
        digest, proto = read_file(file, trust)
        if axis is None and (chunk or 1) != 1:
            raise ModelRefused(f"{file}: chunk: without a time axis a call takes 1 frame, found {chunk}")
        calling = Calling(states, axis, int(axis == 0) if batch_axis is None else batch_axis, chunk, context, values,
                          texts(per_sequence, "per_sequence"))  # fmt: skip
        source, calling = _open(file, proto, calling, may_be_single=batch_axis is None)
        say("stamp")
        model, contract = contract_of(source, frame_rate_hz, tuple(labels), {
            "source": Path(file).name, "source_sha256": digest, NOTE: calling.note(), **packages()
        })  # fmt: skip
        reference = Reference(source, example_of(source), ANY_LENGTH, contract.unit)
        contract = with_ranges(contract, reference)
        reference = Reference(source, example_of(source, contract), ANY_LENGTH, contract.unit)
        samples = [] if sample is None else read_recordings(sample, contract, "sample")
        said = proven_on(effort, "float32", frames_in_words(contract, recorded=False), samples)
        provenance = {**contract.provenance, "proven_on": said}
        contract = replace(contract, golden=golden_of(reference, contract.unit), provenance=provenance)
        data = stamp(model, contract)
        loaded = load_bytes(data, os.fspath(path), trust="local")
        say("verify")
        verification = check_against(loaded, reference, say, effort, samples=samples)
        require(verification, os.fspath(path))
        target, digest = publish(path, data, contract)
        check_written(target, verification.digest)
        return Report(target, digest, len(data), contract, verification)


def _open(file: str, proto: onnx.ModelProto, calling: Calling, *, may_be_single: bool) -> tuple[StatefulFile, Calling]:
    """The file with its batch axis, else without one, and how it is called then."""
    single = replace(calling, batch_axis=None)
    if not may_be_single:
        return open_stateful(file, proto, calling), calling
    ways = [single, calling] if _has_no_room(proto, calling) else [calling, single]
    refusals = []
    for way in ways:
        try:
            return open_stateful(file, proto, way), way
        except ModelRefused as refusal:
            refusals.append(refusal)
    raise refusals[ways.index(calling)]


def _has_no_room(proto: onnx.ModelProto, calling: Calling) -> bool:
    """Whether a batch would have to stand where the file declares features: the only axis besides time, of a size."""
    weights = {value.name for value in proto.graph.initializer} | {*calling.constants, *calling.states}
    dims = next((declared_shape(port) for port in proto.graph.input if port.name not in weights), [])
    rest = [dim for axis, dim in enumerate(dims) if axis != calling.time_axis]
    return len(rest) == 1 and (rest[0] or 0) > 1
