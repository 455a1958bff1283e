"""Checks of what only some files have.

1. Values per sequence, other than those of the example: see `contexts.py`.
2. Something of what leaves with a call depends on the frames of that call: no output waits longer than it has to.
3. Totals and counts of a very long stream go on: see `long_streams.py`.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.verification.checks import Result
from rnnedge_export.verification.comparison import Comparison, Worst
from rnnedge_export.verification.contexts import ContextChecks
from rnnedge_export.verification.latency import waits_for_nothing
from rnnedge_export.verification.long_streams import counters, stands_still, stops_counting, totals


def contexts(compare: Comparison) -> Result:
    """Case 1."""
    checks = ContextChecks(compare)
    return f"{', '.join(checks.rows)}: other values, one for each sequence, set, changed between frames", checks.worst()


def latency(compare: Comparison) -> Result:
    """Case 2."""
    contract = compare.model.contract
    detail = f"{contract.lookahead} further input frames, and the source reads the last of them"
    return detail, _of(waits_for_nothing(contract, compare.reference))


def long_streams(compare: Comparison) -> Result:
    """Case 3."""
    model, reference = compare.model, compare.reference
    sums, counts = totals(model.contract), counters(model.contract)
    detail = f"{len(sums)} totals, jumped to where float32 has no digits left for one more frame; {len(counts)} counts"
    return detail, _of((sums and stands_still(model, reference)) or (counts and stops_counting(model, reference)) or "")


def _of(reason: str) -> Worst:
    return Worst(np.inf, np.inf, value=reason) if reason else Worst()
