"""The compiler as a list of passes; `session.py` captures before them, and proves and writes the file after them.

    capture          nn.Module or offline .onnx -> offline graph
    add taps         inner values as further outputs, if they are asked for
    streamify        every recurrence and window has its state as an input and an output
    form             native | scan | unrolled | step
    describe         the contract, with a recorded run of the source
    stamp            one sealed file, loaded by the runtime
    precision        fewer bits, if they are asked for
    verify           those very bytes against the source
    publish          on the disk, whole

Each pass says what it requires and ensures (the words are those of `onnx_ir.passes`). The conditions are checked around
every pass if RNNEDGE_DEBUG is set, as it is in tests and by `--debug`: a defect is named where it arises.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from onnx_ir.passes import InvariantError, PostconditionError, PreconditionError

from rnnedge_export import invariants, passes
from rnnedge_export.options import ExportOptions
from rnnedge_export.work import Work

Condition = Callable[[Work], None]


@dataclass(frozen=True)
class Pass:
    """One step of the compiler: `run` changes a `Work`, which meets `requires` before and `ensures` after."""

    name: str
    run: Callable[[Work], None]
    requires: tuple[Condition, ...]
    ensures: tuple[Condition, ...]

    def __call__(self, work: Work, *, checked: bool = False) -> None:
        """Run it; `checked` raises `PreconditionError` or `PostconditionError` for a condition that does not hold."""
        if checked:
            _check(self.name, self.requires, work, PreconditionError)
        self.run(work)
        if checked:
            _check(self.name, self.ensures, work, PostconditionError)


ADD_TAPS = Pass(
    "taps",
    passes.add_taps,
    requires=(invariants.well_formed, invariants.open_batch_and_time),
    ensures=(invariants.well_formed, invariants.open_batch_and_time, invariants.shows_taps),
)
STREAMIFY = Pass(
    "streamify",
    passes.make_streaming,
    requires=(invariants.well_formed, invariants.open_batch_and_time),
    ensures=(invariants.well_formed, invariants.explicit_states),
)
FORM = Pass(
    "form",
    passes.write_loop,
    requires=(invariants.explicit_states,),
    ensures=(invariants.well_formed, invariants.keeps_promises, invariants.loop_as_asked),
)
DESCRIBE = Pass(
    "golden sample",
    passes.describe,
    requires=(invariants.keeps_promises,),
    ensures=(invariants.keeps_promises, invariants.recorded_run),
)
STAMP = Pass(
    "stamp",
    passes.write_file,
    requires=(invariants.well_formed, invariants.keeps_promises, invariants.recorded_run),
    ensures=(invariants.same_contract_in_file,),
)
PRECISION = Pass(
    "precision",
    passes.narrow_weights,
    requires=(invariants.well_formed, invariants.same_contract_in_file),
    ensures=(
        invariants.well_formed,
        invariants.keeps_promises,
        invariants.recorded_run,
        invariants.same_ports,
        invariants.same_contract_in_file,
    ),
)


def passes_for(options: ExportOptions) -> list[Pass]:
    """The passes that `options` need, in order."""
    taps = [ADD_TAPS] if options.taps else []
    fewer_bits = [PRECISION] if options.numbers.name != "float32" else []
    return [*taps, STREAMIFY, FORM, DESCRIBE, STAMP, *fewer_bits]


def run_passes(work: Work) -> None:
    """Every pass that the options need; raises `ModelRefused` if the network cannot be streamed, or written so."""
    checked = os.environ.get("RNNEDGE_DEBUG", "0") != "0"
    for one in passes_for(work.options):
        work.say(one.name)
        one(work, checked=checked)


def _check(name: str, conditions: tuple[Condition, ...], work: Work, error: type[InvariantError]) -> None:
    for condition in conditions:
        try:
            condition(work)
        except InvariantError as broken:
            raise error(f"{name}: {condition.__name__}: {broken}") from broken
