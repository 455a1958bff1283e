"""Every error a public function raises for bad input, and the exit code the command line gives it.

    RnnEdgeError                             1
    ├── ModelRefused(ValueError)             3   the file, or the network, cannot be accepted
    │   └── ContractError                    3   the file's description is missing or contradicts its graph
    ├── VerificationError(ArithmeticError)   4   a file does not compute what its source computes
    ├── BudgetMissed                         5   a figure that was asked for was not reached
    │   ├── Stalled(TimeoutError)            5   a run took longer than its time limit and was ended
    │   └── Dropped                          5   a queue was full and let frames go, as its policy says
    ├── InputError(ValueError)               6   frames, audio or table handed in are wrong
    ├── ProviderError(RuntimeError)          7   the execution provider asked for is not here, or failed
    ├── RemoteError(RuntimeError)            7   another machine cannot be used; or the exit code of what failed there
    ├── OwnerError(RuntimeError)             1   two threads in one stream, or a session after a fork
    └── MissingExtra(ImportError)            2   an optional dependency is needed: names the extra

A message names the place, what was expected, what was found, and what to do. It is one line: what a file puts into it
(names, words of attributes, text of other libraries) can neither begin a line nor move a terminal's cursor.
"""

from __future__ import annotations


class RnnEdgeError(Exception):
    """Root of the tree: catch this to catch everything rnnedge raises on purpose."""

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(_one_line(arg) if isinstance(arg, str) else arg for arg in args))


def _one_line(text: str) -> str:
    """`text` with what is not printable written as Python's escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class ModelRefused(RnnEdgeError, ValueError):
    """A network cannot be exported, or a file cannot be loaded."""

    exit_code = 3


class ContractError(ModelRefused):
    """A file's contract is missing, malformed, or contradicts the graph it stands in."""


class VerificationError(RnnEdgeError, ArithmeticError):
    """A file computes something else than its source, or than its own golden sample."""

    exit_code = 4


class BudgetMissed(RnnEdgeError):
    """A figure that was asked for (accuracy, latency, a deadline) was not reached."""

    exit_code = 5


class InputError(RnnEdgeError, ValueError):
    """Frames (or the file they come from) have a wrong shape, dtype, rate or value."""

    exit_code = 6


class ProviderError(RnnEdgeError, RuntimeError):
    """The execution provider asked for by name is not available on this machine, or failed while running."""

    exit_code = 7


class RemoteError(RnnEdgeError, RuntimeError):
    """Another machine cannot be used, or what ran there failed and `exit_code` is its own."""

    exit_code = 7

    def __init__(self, message: str, exit_code: int = 7) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class MissingExtra(RnnEdgeError, ImportError):
    """A feature needs an optional dependency; the message names the extra that brings it."""

    exit_code = 2


class Stalled(BudgetMissed, TimeoutError):
    """A run took longer than its time limit and was ended; the stream is as before it."""


class OwnerError(RnnEdgeError, RuntimeError):
    """Two threads were in one stream at once, or a forked child used what its parent had loaded."""


class Dropped(BudgetMissed):
    """Frames were let go because too many waited; they become a gap of their sequence."""
