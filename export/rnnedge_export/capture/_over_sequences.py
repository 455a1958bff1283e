"""A Python loop over the sequences of a batch, which no capture for any batch can have, and which would not end.

A loop over time is captured with a thousand sequences, so that the batch is told from other sizes.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture._user_lines import Line, line_running
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was
from rnnedge_export.capture.module_adapter import ModuleAdapter
from rnnedge_runtime.errors import ModelRefused

_BATCHES = (2, 3, 4)


def refuse_loops_over_sequences(source: ModuleAdapter, example: Example) -> None:
    """Raise `ModelRefused`, with the first line that runs once more for each sequence, if there is one."""
    try:
        with torch.no_grad(), left_as_it_was(source.module):
            few, more, most = (lines_of(source, example.given(batch, example.length)) for batch in _BATCHES)
    # A user's forward can raise anything, such as for another batch; a capture says so with its line.
    except Exception:
        return
    for line, calls in few.items():
        step = more.get(line, 0) - calls
        if line is not None and step > 0 and most.get(line, 0) - more.get(line, 0) == step:
            raise ModelRefused(
                f"{source.name}: cannot be captured for any batch: {line} runs once more for every sequence of a batch;"
                " write the loop over time only, for all sequences at once: x[:, t], not x[i][t]"
            )


def lines_of(source: ModuleAdapter, inputs: tuple[torch.Tensor, ...]) -> dict[Line | None, int]:
    """How many calls of torch each line makes."""
    calls = _Calls()
    with calls:
        source(*inputs)
    return calls.lines


class _Calls(TorchFunctionMode):
    """Counts the calls of torch by the line that they are in."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[Line | None, int] = {}

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        line = line_running()
        self.lines[line] = self.lines.get(line, 0) + 1
        return function(*args, **kwargs or {})
