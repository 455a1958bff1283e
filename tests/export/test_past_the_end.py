"""What a network waits for past the end of a sequence is told apart from what its start costs."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest

from rnnedge_export.verification.past_the_end import frames_at_the_start, frames_past_the_end
from rnnedge_runtime.clock import Clock


@pytest.mark.parametrize(
    ("clock", "past", "start"),
    [
        (Clock(), 0, 0),
        (Clock(delay=3), 3, 0),
        (Clock(delay=510, length=((1, -510, 1),)), 0, 510),
        (Clock(delay=6, length=((1, -4, 1),)), 2, 4),
        (Clock(Fraction(1, 4), 2, ((1, 3, 4),)), 12, 0),
    ],
)
def test_valid_convolutions_wait_at_the_start_only(clock: Clock, past: int, start: int) -> None:
    """Frames of input; a centered window waits at both ends."""
    contract: Any = SimpleNamespace(least=1, grain=1, lookahead=clock.lookahead, outputs=[SimpleNamespace(clock=clock)])
    assert (frames_past_the_end(contract), frames_at_the_start(contract)) == (past, start)
