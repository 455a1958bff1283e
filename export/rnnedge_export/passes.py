"""The passes, in order: captured graph -> streaming graph -> form -> contract -> file -> fewer bits.

Each does one thing to a `Work`; how is in the package that it calls. `pipeline.py` says what each requires and ensures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnedge_export.capture import Captured
from rnnedge_export.precision import narrowed
from rnnedge_export.precision.drift import FRAMES
from rnnedge_export.probes import TappedSource, insert_taps
from rnnedge_export.recordings import Recording, read_recordings
from rnnedge_export.reference import Reference
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import Streaming, streamify
from rnnedge_export.verification import (
    CHAINED_FRAMES_OF_ATTENTION,
    Effort,
    frames_in_words,
    golden_of,
    other_contexts,
    proven_on,
)
from rnnedge_export.verification.number_ranges import with_ranges
from rnnedge_export.work import Work
from rnnedge_export.write_form import write_form
from rnnedge_runtime.contract import OPEN_FORMS
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.loader import load_bytes

_DEFAULT_CHUNK = 4
_SEED = 23
# Native recurrences that have no operator in a precision; in the native form they are written as Scan.
_SCANNED = {"int8": ("GRU", "RNN"), "int4": ("GRU", "LSTM", "RNN")}


def add_taps(work: Work) -> None:
    """Offline graph and source -> both with inner values of the recurrences as further outputs.

    The native GRU and LSTM hide some of them: the loop gets a form that shows them, unless one was asked for.
    """
    options, captured = work.options, work.captured
    tapped = insert_taps(captured, options.taps, options.form)
    work.source = TappedSource(work.source, captured, tapped.taps, options.taps)
    work.captured, work.taps, work.graph = tapped.captured, tapped.taps, tapped.captured.model
    if tapped.rewritten and options.form is None:
        form = "step" if options.numbers.name in ("int8", "int4") else "scan"
        work.options = replace(options, form=form)


def make_streaming(work: Work) -> None:
    """Offline graph -> streaming graph: every recurrence and every window has its state as an input and an output."""
    captured, options = work.captured, work.options
    free = _streaming(captured, None)
    work.form = options.form or _fastest_form(options.numbers.name, free)
    work.streaming = free if work.form in OPEN_FORMS else _fixed(captured, options.chunk, work.form, free)
    work.graph = work.streaming.model
    work.recurrences = tuple(str(node.name) for node in work.streaming.recurrences)


def write_loop(work: Work) -> None:
    """Streaming graph -> the recurrent loop in the form that was asked for, and what the graph itself promises."""
    written = write_form(work.streaming, work.form, scanned=_SCANNED.get(work.options.numbers.name, ()))
    work.graph = written.model
    work.contract = written.contract(work.captured.model.opset_imports[""], work.captured.lengths)


def describe(work: Work) -> None:
    """Graph's promises -> the whole contract, with a recorded run of the source."""
    options, provenance = work.options, dict(work.provenance)
    if work.streaming.attends:
        provenance["chained_frames"] = str(CHAINED_FRAMES_OF_ATTENTION)
    if options.numbers.name == "float32" and options.numbers.tolerance is not None:
        provenance["tolerance"] = repr(options.numbers.tolerance)
    given, own = options.calibration, options.sample
    work.samples = [] if own is None else read_recordings(own, work.contract, "sample")
    work.recordings = [] if given is None else read_recordings(given, work.contract)
    hop = work.streaming.hop
    work.reference = Reference(work.source, work.example, work.captured.lengths, hop, work.recordings)
    _check_frames(work)
    provenance["proven_on"] = said_proven_on(work)
    work.contract = replace(
        with_ranges(work.contract, work.reference),
        frame_rate_hz=options.frame_rate_hz,
        labels=tuple(options.labels),
        normalization=options.statistics,
        provenance=provenance,
        golden=golden_of(work.reference, hop),
        taps=work.taps,
    )


def _check_frames(work: Work) -> None:
    """What has frames in the stream has more of them for a longer sequence in the source."""
    for port in work.contract.outputs:
        if port.time_axis is not None and not work.reference.grows(port.name):
            raise ModelRefused(
                f"output {port.name!r}: has as many frames for a sequence of any length, as of adaptive pooling or an "
                "interpolation to a size; a stream gives frames as they come: pool by a kernel and a stride"
            )


def said_proven_on(work: Work) -> str:
    """What the contract says of the proof to come."""
    options, recorded = work.options, work.reference.recorded
    usual = frames_in_words(work.contract, recorded=recorded, numbers=work.reference.numbers_in_words)
    if work.reference.flags and not recorded:
        usual += f", 0 and 1 in {', '.join(work.reference.flags)}"
    return proven_on(options.effort or Effort(), options.numbers.name, usual, work.samples)


def write_file(work: Work) -> None:
    """Graph and contract -> the bytes of one sealed file, loaded as a device loads it."""
    work.data = work.float32_data = stamp(work.graph.clone(), work.contract)
    work.model = work.float32 = load_bytes(work.data, work.name, trust="local")


def narrow_weights(work: Work) -> None:
    """float32 file -> the same one in fewer bits."""
    calibrate = bool(work.recordings)
    if not calibrate:
        work.recordings = [_random(work.reference)]
    narrow = narrowed(
        work.graph,
        work.contract,
        work.float32,
        work.options.numbers,
        work.recordings,
        calibrate=calibrate,
        recurrences=work.recurrences,
        contexts=other_contexts(work.float32, work.reference) if calibrate else (),
        say=work.say,
    )
    work.narrow, work.graph, work.data, work.model = narrow, narrow.graph, narrow.data, narrow.model
    work.contract = work.model.contract


def _streaming(captured: Captured, chunk: int | None) -> Streaming:
    return streamify(
        captured.model,
        captured.batch_axis,
        captured.time_axis,
        captured.places,
        chunk=chunk,
        lengths=captured.lengths,
        contexts=captured.contexts,
    )


def _fixed(captured: Captured, chunk: int | None, form: str, free: Streaming) -> Streaming:
    """For a fixed number of frames a call, which is a multiple of the network's own hop."""
    frames = free.hop if form == "step" else chunk or -(-_DEFAULT_CHUNK // free.hop) * free.hop
    if frames % free.hop:
        raise ModelRefused(
            f"chunk: expected a multiple of {free.hop} frames, found {frames}: the network needs so many"
        )
    return _streaming(captured, frames)


def _fastest_form(precision: str, streaming: Streaming) -> str:
    """For one frame a call: integer products are fastest in the step form, but an int8 LSTM has a native operator."""
    kinds = {node.op_type for node in streaming.recurrences}
    integers = precision in ("int8", "int4")
    return "step" if integers and not (precision == "int8" and kinds == {"LSTM"}) else "native"


def _random(reference: Reference) -> Recording:
    """What a narrow file is tried on if there are no recordings."""
    frames = reference.frames(1, reference.lengths.at_least(FRAMES), np.random.default_rng(_SEED))
    return {name: array[0] for name, array in frames.items()}
