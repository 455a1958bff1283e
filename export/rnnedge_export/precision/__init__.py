"""Narrower numbers for weights and activations, and the proof that a stream does not drift away with them.

shrink -> calibrate (ranges of activations), budget (which layer how narrow), apply (the graph), drift (the gate)
"""

from rnnedge_export.options import PRECISIONS, REMEDY, TOLERANCES, Precision
from rnnedge_export.precision.apply import Change
from rnnedge_export.precision.covered import check_covered, signals_of
from rnnedge_export.precision.drift import Drift, Metric, Score
from rnnedge_export.precision.shrink import Narrowed, Shrunk, activations, gate, narrowed

__all__ = [
    "PRECISIONS",
    "REMEDY",
    "TOLERANCES",
    "Change",
    "Drift",
    "Metric",
    "Narrowed",
    "Precision",
    "Score",
    "Shrunk",
    "activations",
    "check_covered",
    "gate",
    "narrowed",
    "signals_of",
]
