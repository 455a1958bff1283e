"""A program of several steps in one call, for streams that get many frames at once.

It is the same graph for as many more frames: what depends on no state is one product over the rows of all of them,
which reads every weight once, and only recurrences go on frame by frame. States are those of the program of one step.
"""

from __future__ import annotations

import onnx

from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.tensors import affine
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import ModelRefused

# Rows of whole blocks of the matrix kernel, for vectors of every size.
STEPS = 24
# Where as many steps need too much memory, as of a step that takes many frames by itself.
_FEWER = (12, 4, 2)
# What a call works in stays in the caches near a core.
_MOST_BYTES = 1 << 20


def lower_stretch(
    model: onnx.ModelProto, contract: Contract, base: StepProgram, lanes: int, weights: Weights
) -> StepProgram | None:
    """The program of `STEPS` steps, or of fewer that fit the caches.

    None where the file takes a fixed number of frames, or it would be no faster.
    """
    # The end of a sequence by its number within a call is that of one step.
    if contract.chunk is not None or any(cursor.kind == "last" for cursor in contract.cursors):
        return None
    try:
        found = lower_program(model, contract, base.batch, lanes, weights, STEPS, base)
        if (fewer := _steps_that_fit(found)) not in (STEPS, None):
            found = lower_program(model, contract, base.batch, lanes, weights, fewer, base)
    # What has a rule for one step only.
    except ModelRefused:
        return None
    in_order = all(affine(port.view().index) for port in (*found.inputs, *found.outputs))
    return found if in_order and _bytes(found) <= _MOST_BYTES else None


def _steps_that_fit(found: StepProgram) -> int | None:
    """How many steps need no more than there is, where memory grows with them."""
    return next((n for n in (STEPS, *_FEWER) if _bytes(found) * n // STEPS <= _MOST_BYTES), None)


def _bytes(program: StepProgram) -> int:
    return 4 * program.memory.floats
