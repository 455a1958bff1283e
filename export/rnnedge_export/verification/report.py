"""What a proof gives back: each check with its worst value, and how long it took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np

from rnnedge_runtime.describe import counted, html_table
from rnnedge_runtime.errors import VerificationError


@dataclass(frozen=True)
class Check:
    """One kind of comparison. `max_error` and `tolerance` are those of the value that is worst against its tolerance.

    `scale`: the largest value of its channel so far, from 1 on. `place`: which value it is, expected and found, on what
    signal and by what road, in words. `seconds`: how long the check took. `node`: the first node whose value differs,
    of the first check that failed, "" if it cannot be told.
    """

    name: str
    detail: str
    max_error: float
    tolerance: float
    scale: float = 1.0
    place: str = ""
    seconds: float = 0.0
    node: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is a number within the tolerance."""
        return bool(np.isfinite(self.max_error)) and self.max_error <= self.tolerance

    @property
    def failure(self) -> str:
        """What is wrong, for a message: the check, both numbers, the value, and the first node whose value differs."""
        places = "".join(f": {text}" for text in (self.place, self.node) if text)
        return f"{self.name} ({self.detail}): error {self.max_error:.3g}, tolerance {self.tolerance:.3g}{places}"

    @property
    def ratio(self) -> float:
        """The error in tolerances; infinite for NaN."""
        if np.isnan(self.max_error):
            return float("inf")
        return self.max_error / self.tolerance if self.tolerance else float(np.sign(self.max_error) * np.inf or 0.0)


@dataclass(frozen=True)
class Verification:
    """Every check of a file against its source; `digest`: of the bytes that were checked.

    `remark`: what may be the reason of a failure.
    """

    checks: tuple[Check, ...]
    digest: str = ""
    remark: str = ""

    def __repr__(self) -> str:
        """One line."""
        return f"<rnnedge Verification: {self.in_words}>"

    def _repr_html_(self) -> str:
        """A table for a notebook."""
        rows = [
            (check.name, f"{check.max_error:.1e}", f"{check.tolerance:.1e}", "ok" if check.passed else "FAILED")
            for check in self.checks
        ]
        return html_table(("check", "largest error", "tolerance", ""), rows)

    @property
    def in_words(self) -> str:
        """How many checks passed, and the largest error; those that failed by name."""
        failed = ", ".join(check.name for check in self.checks if not check.passed)
        said = f"FAILED: {failed}" if failed else "passed"
        return f"{counted(len(self.checks), 'check')} {said}, largest error {self.max_error:.1e}"

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def max_error(self) -> float:
        """The largest error of all checks for a value up to 1, of a larger one its share; NaN if one of them is NaN."""
        return float(np.max([check.max_error / check.scale for check in self.checks]))

    @property
    def seconds(self) -> float:
        """How long all checks took."""
        return sum(check.seconds for check in self.checks)


def timed(check: Callable[[], Check]) -> Check:
    """What `check` gives, with the seconds that it took."""
    began = perf_counter()
    found = check()
    return replace(found, seconds=perf_counter() - began)


def require(verification: Verification, name: str, remedy: str = "please report the network") -> None:
    """Raise `VerificationError` naming the first check that failed, its worst value, and both numbers."""
    for check in verification.checks:
        if not check.passed:
            raise VerificationError(f"{name}: verification failed: {check.failure}; nothing was written, {remedy}")
