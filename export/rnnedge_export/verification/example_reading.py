"""What an example was taken for is tried: a module of one step, and results that are states or lengths."""

from __future__ import annotations

from typing import Any

from torch import nn

from rnnedge_export.capture import Example
from rnnedge_export.verification.left_out import check_left_out, check_lengths
from rnnedge_export.verification.one_step import check_steps
from rnnedge_export.verification.report import Verification, require


def check_reading(module: nn.Module, own: Any, sequences: nn.Module, example: Any, given: Example) -> None:
    """`own`: the example of the module; `sequences`: what takes whole ones, as `example` has them.

    Raises `VerificationError`.
    """
    checks = []
    if sequences is not module:
        checks.append(check_steps(module, own, sequences, example, given.time_axis))
    if given.returned:
        checks.append(check_left_out(sequences, given))
    if given.lengths:
        checks.append(check_lengths(sequences, given))
    require(Verification(tuple(checks)), type(module).__name__)
