"""Frames that a network waits for: those past the end of a sequence, and those that only its start costs.

A stack of valid convolutions gives fewer frames than it takes: its first one waits for the whole field, and its last
one comes with the last frame of input. What is proven of it need not be as long as many fields.
"""

from __future__ import annotations

from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.contract import Contract, Port


def frames_past_the_end(contract: Contract) -> int:
    """Input frames that the last output frames of a sequence wait for after its end."""
    totals = Lengths(contract.least, contract.grain).samples
    return max(_missing(port, total) for port in contract.outputs for total in totals)


def frames_at_the_start(contract: Contract) -> int:
    """Input frames that the first output frames wait for beyond that."""
    return max(0, contract.lookahead - frames_past_the_end(contract))


def _missing(port: Port, total: int) -> int:
    clock = port.clock
    frames = clock.valid(total) - max(0, clock.frames(total) - clock.delay)
    return max(0, -(-frames * clock.rate.denominator // clock.rate.numerator))
