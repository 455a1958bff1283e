"""One captured network, and the files that can be written of it: each is a candidate until it is proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import onnx_ir as ir
from torch import nn

from rnnedge_export.arguments import (
    MOST_UNROLLED,
    checked_axis,
    checked_frames,
    checked_labels,
    checked_module,
    checked_normalization,
    checked_rate,
)
from rnnedge_export.capture import Captured, Example, Source, capture, open_offline, read_example, weights_digest
from rnnedge_export.precision import REMEDY, Narrowed, Precision, Recording, Shrunk, gate, narrowed, read_recordings
from rnnedge_export.precision.drift import FRAMES
from rnnedge_export.probes import Tapped, TappedSource, check_asked, insert_taps
from rnnedge_export.reference import Oracle, Reference, evaluation
from rnnedge_export.report import packages
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import Streaming, streamify
from rnnedge_export.verification import CHAINED_FRAMES_OF_ATTENTION, Verification, check_against, golden_of, require
from rnnedge_export.write_form import write_form
from rnnedge_runtime.arguments import choice, instance, integer
from rnnedge_runtime.contract import FORMS, Array, Contract, Normalization, Tap
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.model import Model, load_bytes

_DEFAULT_CHUNK = 4
_SEED = 23
# Native recurrences that have no operator in a precision; in the native form they are written as Scan.
_SCANNED = {"int8": ("GRU", "RNN"), "int4": ("GRU", "LSTM", "RNN")}
Say = Callable[[str], None]


@dataclass(frozen=True)
class ExportOptions:
    """How a file is written, and what its contract says beside what the graph itself determines."""

    form: str | None = None
    precision: Precision = field(default_factory=Precision)
    calibration: object = None
    chunk: int | None = None
    frame_rate_hz: float | None = None
    labels: tuple[str, ...] = ()
    normalization: Normalization | None = None
    taps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `ModelRefused` for a form or a tap that does not exist, or a chunk that does not fit the form."""
        form, chunk = self.form, self.chunk
        checked = {
            "taps": check_asked(self.taps),
            "frame_rate_hz": checked_rate(self.frame_rate_hz),
            "labels": checked_labels(self.labels),
            "normalization": checked_normalization(self.normalization),
            "precision": instance(self.precision, "precision", Precision, ModelRefused),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if form is not None:
            choice(form, "form", FORMS, ModelRefused)
        if chunk is not None and form != "unrolled":
            raise ModelRefused(f"chunk: only the unrolled form has a fixed number of frames, found form {form!r}")
        if chunk is not None:
            checked_frames(chunk, "chunk", most=MOST_UNROLLED)


@dataclass(frozen=True, eq=False)
class Candidate:
    """A file in memory that nobody has proven. `float32`: the same graph before it was narrowed."""

    options: ExportOptions
    streaming: Streaming
    graph: ir.Model
    model: Model
    float32: Model
    reference: Reference
    trial: Sequence[Recording]
    narrow: Narrowed | None

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self.model.contract

    def stamped(self, notes: Mapping[str, str] | None = None) -> bytes:
        """The file, with `notes` added to its provenance."""
        return stamp(self.graph, replace(self.contract, provenance={**self.contract.provenance, **(notes or {})}))

    def prove(self, say: Say, *, float32_proven: bool = False) -> tuple[Verification, Shrunk | None]:
        """Check it against its source, and where it is narrow against float32 too.

        Raises `VerificationError` with the numbers of what failed. `float32_proven`: the float32 file was before.
        """
        name = self.model.name
        verification = None
        if self.narrow is None or not float32_proven:
            say("verify")
            verification = check_against(self.float32, self.reference, say)
            require(verification, name)
        if self.narrow is None:
            assert verification is not None
            return verification, None
        shrunk = gate(self.narrow, self.float32, self.options.precision, self.trial, say)
        verification = check_against(self.model, self.reference, say)
        require(verification, name, REMEDY)
        return verification, shrunk


class ExportSession:
    """A source that was captured once; every candidate is made from what was captured."""

    def __init__(self, source: Oracle, example: Example, captured: Captured, provenance: Mapping[str, str]) -> None:
        """Made by `of_module` and `of_file`."""
        self._source, self._example, self._captured, self.provenance = source, example, captured, provenance

    def candidate(self, options: ExportOptions, name: str, say: Say = lambda _: None) -> Candidate:
        """Write a file as asked; `name` is how messages call it.

        Raises `ModelRefused` where the network cannot be streamed, or written so.
        """
        say("streamify")
        captured, precision, source = self._captured, options.precision, self._source
        taps: tuple[Tap, ...] = ()
        if options.taps:
            tapped = insert_taps(captured, options.taps, options.form)
            source, taps = TappedSource(source, captured, tapped.taps, options.taps), tapped.taps
            captured, options = tapped.captured, _showing(options, tapped)
        form, streaming = _streaming(captured, options)
        recurrences = [str(node.name) for node in streaming.recurrences]
        say("form")
        written = write_form(streaming, form, scanned=_SCANNED.get(precision.name, ()))
        provenance = dict(self.provenance)
        if streaming.attends:
            provenance["chained_frames"] = str(CHAINED_FRAMES_OF_ATTENTION)
        promised = written.contract(captured.model.opset_imports[""], captured.lengths)
        recordings = [] if options.calibration is None else read_recordings(options.calibration, promised)
        reference = Reference(source, self._example, captured.lengths, streaming.hop, recordings)
        contract = replace(
            promised,
            frame_rate_hz=options.frame_rate_hz,
            labels=options.labels,
            normalization=options.normalization,
            provenance=provenance,
            golden=golden_of(reference, streaming.hop),
            taps=taps,
        )
        say("stamp")
        graph = written.model
        float32 = load_bytes(stamp(graph.clone(), contract), name, trust="local")
        if precision.name == "float32":
            return Candidate(options, streaming, graph, float32, float32, reference, recordings, None)
        trial = recordings or [_random(reference)]
        narrow = narrowed(
            graph, contract, float32, precision, trial, calibrate=bool(recordings), recurrences=recurrences, say=say
        )
        return Candidate(options, streaming, narrow.graph, narrow.model, float32, reference, trial, narrow)


@contextmanager
def of_module(
    module: nn.Module, example: object, *, opset: int = 20, batch_axis: int = 0, time_axis: int = 1, say: Say
) -> Iterator[ExportSession]:
    """A PyTorch module, in evaluation mode meanwhile; arguments as for `rnnedge_export.export`."""
    batch_axis, time_axis = checked_axis(batch_axis, "batch_axis"), checked_axis(time_axis, "time_axis")
    opset = integer(opset, "opset", error=ModelRefused)
    with evaluation(checked_module(module)):
        given = read_example(example, batch_axis, time_axis)
        source = Source(module, given)
        say("capture")
        captured = capture(source, given, opset)
        provenance = {"module": type(module).__qualname__, "weights_sha256": weights_digest(module), **packages()}
        yield ExportSession(source, given, captured, provenance)


@contextmanager
def of_file(
    offline: str | Path,
    *,
    opset: int = 20,
    batch_axis: int | None = None,
    time_axis: str | int = 1,
    trust: str | None = None,
    say: Say,
) -> Iterator[ExportSession]:
    """An ONNX file for whole sequences; arguments as for `rnnedge_export.convert`."""
    opset = integer(opset, "opset", error=ModelRefused)
    say("read")
    source = open_offline(offline, time_axis, batch_axis, trust)
    say("capture")
    captured = source.capture(opset)
    provenance = {"source": Path(offline).name, "source_sha256": source.digest, **packages()}
    yield ExportSession(source, source.example(), captured, provenance)


def _showing(options: ExportOptions, tapped: Tapped) -> ExportOptions:
    """With a form in which the loop is not native, where taps need that."""
    if options.form is not None or not tapped.rewritten:
        return options
    return replace(options, form="step" if options.precision.name in ("int8", "int4") else "scan")


def _random(reference: Reference) -> Recording:
    """What a narrow file is tried on where there are no recordings."""
    frames: dict[str, Array] = reference.frames(1, reference.lengths.at_least(FRAMES), np.random.default_rng(_SEED))
    return {name: array[0] for name, array in frames.items()}


def _streaming(captured: Captured, options: ExportOptions) -> tuple[str, Streaming]:
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
