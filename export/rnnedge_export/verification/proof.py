"""Every check of a file against its source, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from time import perf_counter

import numpy as np

from rnnedge_export.effort import Effort
from rnnedge_export.recordings import Recording
from rnnedge_export.reference import Reference
from rnnedge_export.verification.checks import Checks, Result
from rnnedge_export.verification.comparison import Worst
from rnnedge_export.verification.long_streams import counters, totals
from rnnedge_export.verification.report import Check, Verification
from rnnedge_export.verification.special_checks import contexts, latency, long_streams, shortest, tokens
from rnnedge_export.verification.tolerance import Tolerance
from rnnedge_runtime.model import Model

Look = Callable[[Reference, Worst], str]
"""Names the first node whose value differs; "" if it cannot be told."""


def check_against(
    model: Model,
    reference: Reference,
    say: Callable[[str], None] = lambda _: None,
    effort: Effort | None = None,
    look: Look | None = None,
    samples: Sequence[Recording] = (),
    tolerance: Tolerance | None = None,
) -> Verification:
    """Run every check of a loaded model against the source, `effort` hard (`Effort()` by default).

    `look` is asked once, for the first check that fails. `samples`: recordings that it is proven on, too.
    `tolerance`: None for the one that the file says.
    """
    names = _names(model, reference)
    if names is not None:
        return Verification((names,), model.digest)
    effort = effort or Effort()
    found: list[Check] = []
    for name, stage, check in _every(Checks(model, reference, effort, samples, tolerance), effort):
        say(stage)
        began = perf_counter()
        detail, worst = check()
        seconds = perf_counter() - began
        one = Check(name, detail, worst.error, worst.tolerance, worst.scale, worst.place, seconds)
        if look is not None and not one.passed:
            say("first difference")
            one, look = replace(one, node=look(reference, worst)), None
        found.append(one)
    return Verification(tuple(found), model.digest)


def _every(checks: Checks, effort: Effort) -> list[tuple[str, str, Callable[[], Result]]]:
    """(name, what progress is told, check), in order."""
    contract = checks.contract
    found = [
        ("parity", "parity", checks.parity),
        ("any chunking", "chunking", checks.chunking),
        ("drift", "drift", checks.drift),
    ]
    floats = [port.dtype.startswith("float") for port in contract.inputs]
    if any(floats):
        found.append(("non-finite input", "non-finite input", checks.non_finite))
    if any(floats) and contract.precision == "float32" and effort.signals:
        found.append(("signals as in life", "signals", checks.signals))
    if checks.samples:
        found.append(("recordings", "recordings", checks.recordings))
    if not all(floats):
        found.append(("every token", "tokens", partial(tokens, checks)))
    if contract.batch is None:
        found.append(("ways through the runtime", "roads", checks.roads))
        found.append(("batches, a long push", "batches", checks.more))
    if contract.contexts:
        found.append(("values per sequence", "contexts", partial(contexts, checks.compare)))
    if (totals(contract) or counters(contract)) and contract.batch is None:
        found.append(("long streams", "long streams", partial(long_streams, checks.compare)))
    if contract.precision == "float32" and contract.lookahead:
        found.append(("latency", "latency", partial(latency, checks.compare)))
    if contract.precision == "float32" and contract.least > 1 and contract.grain == 1 and contract.batch is None:
        found.append(("shortest sequence", "shortest sequence", partial(shortest, checks)))
    if contract.golden is not None:
        found.append(("golden sample", "golden sample", checks.golden))
    return found


def _names(model: Model, reference: Reference) -> Check | None:
    """A failed check if the file's inputs or outputs are not those of the source, in its order."""
    for side, ports, wanted in (
        ("inputs", model.contract.inputs, reference.input_names),
        ("outputs", model.contract.outputs, reference.names),
    ):
        found = [port.name for port in ports]
        if found != list(wanted):
            return Check("names", side, np.inf, 0.0, place=f"the source has {list(wanted)}, the file {found}")
    return None
