"""Narrower numbers for weights and activations, and the proof that a stream does not drift away with them.

shrink -> calibrate (ranges of activations), budget (which layer how narrow), apply (the graph), drift (the gate)
"""

from rnnedge_export.precision.apply import PRECISIONS, Change
from rnnedge_export.precision.drift import TOLERANCES, Drift, Metric, Score
from rnnedge_export.precision.recordings import Recording, read_recordings
from rnnedge_export.precision.shrink import REMEDY, Precision, Shrunk, shrink

__all__ = [
    "PRECISIONS",
    "REMEDY",
    "TOLERANCES",
    "Change",
    "Drift",
    "Metric",
    "Precision",
    "Recording",
    "Score",
    "Shrunk",
    "read_recordings",
    "shrink",
]
