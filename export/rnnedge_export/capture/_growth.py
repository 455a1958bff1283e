"""What grows with the length of a sequence.

1. Calls: an iteration of a Python loop over time takes as many frames as it takes to make more of them. A loop over the
   frames of a spectrum, or after a convolution with a stride, runs once for several frames. A module that takes whole
   chunks only, by `view(batch, -1, 16, features)`, is looked at in such steps.
2. Values: those of pairs of frames are four times the size for twice the length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture.example import Example

_FEW = (9, 10, 11)
_MANY = (64, 128)


def frames_per_iteration(module: nn.Module, example: Example) -> tuple[int, int]:
    """Case 1, and the number of frames in steps of which the module takes other lengths.

    0 if a longer sequence takes no more calls of torch, or none of a regular step.
    """

    def calls(length: int) -> int:
        return _calls(module, example.given(1, length))

    try:
        one, two, three = map(calls, _FEW)
        if one != two != three:
            return 1, 1
    # A user's forward can raise anything for a sequence that is too short.
    except Exception:
        pass
    first = 0
    for grain in (each for each in range(1, example.length + 1) if example.length % each == 0):
        found = _period(calls, example.length, grain)
        if found:
            return found, grain
        # Lengths between whole chunks may take other calls; what takes no more for any, or for twice as many, is known.
        first = first or grain * (found is not None)
        if found is not None and not _grows(calls, example.length):
            break
    return 0, first or 1


def _grows(calls: Callable[[int], int], length: int) -> bool:
    return calls(2 * length) != calls(length)


def _period(calls: Callable[[int], int], start: int, grain: int) -> int | None:
    """The distance between the next lengths that take more calls, if it is always the same; else 0.

    None: the module does not take that many frames more.
    """
    found = [start]
    try:
        calls(start + grain)
        for _ in range(3):
            longer = _next(calls, found[-1], grain)
            if longer is None or calls(longer) < calls(found[-1]):
                return 0
            found.append(longer)
    # A user's forward can raise anything, such as beyond the end of a table.
    except Exception:
        return None
    return found[2] - found[1] if found[3] - found[2] == found[2] - found[1] else 0


def _next(calls: Callable[[int], int], start: int, grain: int) -> int | None:
    """The shortest length that takes other calls than `start`, of up to twice as many frames in steps of `grain`."""
    before, low, high = calls(start), 0, max(1, start // grain)
    if calls(start + high * grain) == before:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if calls(start + middle * grain) == before else (low, middle)
    return start + high * grain


def takes_pairs(module: nn.Module, example: Example) -> bool:
    """Case 2."""
    try:
        few, more = (_counted(module, example.given(1, length)).largest for length in _MANY)
    # A user's forward can raise anything for a length that it does not take.
    except Exception:
        return False
    return more > 3 * few


def _calls(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    return _counted(module, inputs).calls


def _counted(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> _Counter:
    counter = _Counter()
    with torch.no_grad(), counter:
        module(*inputs)
    return counter


class _Counter(TorchFunctionMode):
    """Counts the calls of torch, and the numbers of the largest value that one gives."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.largest = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        result = function(*args, **kwargs or {})
        self.largest = max(self.largest, result.numel() if isinstance(result, torch.Tensor) else 0)
        return result
