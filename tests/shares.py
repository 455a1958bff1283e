"""Cases of which `make test` takes a share, and `make test-long` the others."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import pytest


def one_in(share: int, cases: Iterable[Any]) -> list[Any]:
    """The first of every `share` cases now, the others by `make test-long`; a tuple is one case."""
    return [
        case
        if index % share == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
        for index, case in enumerate(cases)
    ]


def those(now: Container[Any], cases: Iterable[Any]) -> list[Any]:
    """The cases of `now`, one of each kind, now; the others by `make test-long`; a tuple is one case."""
    return [
        case if case in now else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.long)
        for case in cases
    ]
