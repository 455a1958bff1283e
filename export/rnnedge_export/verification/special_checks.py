"""Checks of what only some files have.

1. Values per sequence, other than those of the example: see `contexts.py`.
2. Something of what leaves with a call depends on the frames of that call: no output waits longer than it has to.
3. Totals and counts of a very long stream go on: see `long_streams.py`.
4. Inputs of whole numbers: every token, numbers of every size, and their range: see `token_signals.py`.
5. No shorter sequence than the least one that a file says would do. A shorter one for which the source does something
   else, such as padding it first, may be right by chance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils._python_dispatch import TorchDispatchMode

from rnnedge_export.verification.checks import Checks, Result
from rnnedge_export.verification.comparison import Comparison, Worst, worst_of
from rnnedge_export.verification.contexts import ContextChecks
from rnnedge_export.verification.latency import waits_for_nothing
from rnnedge_export.verification.long_streams import counters, stands_still, stops_counting, totals
from rnnedge_export.verification.token_signals import every_token, numbers, vocabulary, wrong_ranges
from rnnedge_runtime.errors import RnnEdgeError

_SEED = 95


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


def tokens(checks: Checks) -> Result:
    """Case 4."""
    reference, compare = checks.reference, checks.compare
    ports = [port for port in checks.contract.inputs if not port.dtype.startswith("float")]
    found = {port.name: vocabulary(reference, port.name) for port in ports}
    sizes = {name: size for name, size in found.items() if size is not None}
    if wrong := next(wrong_ranges(checks.contract, reference, sizes), None):
        return "the numbers that inputs take", _of(wrong)
    worst, detail = [Worst()], "any number is a token"
    if len(sizes) < len(found):
        frames = numbers(reference, [port for port in ports if port.name not in sizes], sizes)
        expected = reference.raw(frames)
        worst.append(compare.of(frames, checks.streamed(frames), expected).on("whole numbers", "cuts"))
    if sizes:
        frames = every_token(reference, sizes)
        detail = "vocabulary: " + ", ".join(f"{size:,} of {name}" for name, size in sizes.items())
        worst.append(compare.of(frames, checks.streamed(frames)).on("vocabulary", "cuts"))
    return detail, worst_of(worst)


def shortest(checks: Checks) -> Result:
    """Case 5."""
    contract, compare, reference = checks.contract, checks.compare, checks.reference
    detail = f"the source takes no sequence of less than {contract.least} frames, or the file is not the same there"
    # A file takes what a module refuses.
    if reference.with_other_weights() is None:
        return "of a file, any", Worst()
    whole = reference.frames(1, contract.least, np.random.default_rng(_SEED))
    frames = {name: array[:, :-1] for name, array in whole.items()}
    try:
        with _Operators() as there:
            reference.raw(whole)
        with _Operators() as here:
            expected = reference.raw(frames)
    # It may raise anything for a sequence that is too short.
    except RnnEdgeError:
        return detail, Worst()
    if there.names != here.names:
        return f"{detail}, or does something else with it", Worst()
    found = compare.of(frames, compare.stream(frames), expected)
    same = f"least: {contract.least} frames, and the source takes {contract.least - 1}, as the file does"
    return detail, _of(same if found.ratio <= 1 and any(array.size for array in expected.values()) else "")


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The operators of torch that run meanwhile."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every one of them comes by."""
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


def _of(reason: str) -> Worst:
    return Worst(np.inf, np.inf, value=reason) if reason else Worst()
