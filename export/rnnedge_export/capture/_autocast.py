"""Regions of `torch.autocast` compute in float32 while a module is exported.

They are there to train fast: which operators are narrowed depends on the device, and a file says by `precision` what it
stores in fewer bits, with a proof of what that costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def without_autocast() -> Iterator[None]:
    """Neither the caller's region nor one that a forward opens, by `with` or as a decorator, narrows numbers."""
    region: Any = torch.amp.autocast_mode.autocast
    kept = region.__enter__, region.__exit__
    with torch.autocast("cpu", enabled=False):
        region.__enter__, region.__exit__ = _entered, _left
        try:
            yield
        finally:
            region.__enter__, region.__exit__ = kept


def _entered(region: Any) -> Any:
    return region


def _left(*_: object) -> bool:
    return False
