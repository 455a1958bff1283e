"""What the contract of a file has to say, by what was asked for and what the source is; not by the contract itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rnnedge_export.options import narrowest
from rnnedge_export.passes import said_proven_on
from rnnedge_export.precision import activations
from rnnedge_export.verification import CHAINED_FRAMES_OF_ATTENTION, Promises
from rnnedge_export.work import Work


def promises_of(work: Work, provenance: Mapping[str, str], defaults: Collection[str]) -> Promises:
    """`defaults`: contexts that the caller gave one for."""
    options, numbers = work.options, work.options.numbers
    narrow = None if work.narrow is None else narrowest(change.precision for change in work.narrow.changes)
    tolerance = numbers.tolerance if narrow is None else numbers.limit
    ranges = None if narrow is None else activations(calibrated=options.calibration is not None)
    chained = str(CHAINED_FRAMES_OF_ATTENTION) if work.streaming.attends else None
    return Promises(
        work.captured.model.opset_imports[""],
        work.streaming.hop,
        work.captured.lengths.least,
        work.captured.lengths.grain,
        narrow or "float32",
        options.frame_rate_hz,
        tuple(options.labels),
        options.statistics,
        tuple(sorted(defaults)),
        {
            **provenance,
            "chained_frames": chained,
            "proven_on": said_proven_on(work),
            "tolerance": None if tolerance is None else repr(tolerance),
            "activations": ranges,
        },
    )
