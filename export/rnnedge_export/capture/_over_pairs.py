"""A Python loop over pairs of frames, as of a dynamic time warping: more steps for each further frame.

No stream can do that, and its capture takes minutes: it is refused before. What a module computes of lengths alone,
such as a table of distances, is another thing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch

from rnnedge_export.capture._of_values import OfValues
from rnnedge_export.capture._over_sequences import lines_of
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import left_as_it_was
from rnnedge_export.capture.module_adapter import ModuleAdapter
from rnnedge_runtime.errors import ModelRefused

# A loop over the last frames is none over all pairs, up to that many of them.
_LENGTHS = ((9, 10, 11, 12), (20, 21, 22))


def refuse_loops_over_pairs(source: ModuleAdapter, example: Example) -> None:
    """Raise `ModelRefused` with the line that runs most often, if each further frame takes more calls than the last."""
    try:
        with torch.no_grad(), left_as_it_was(source.module):
            if not all(_grows(source, example, lengths) for lengths in _LENGTHS):
                return
            few, more = (lines_of(source, example.given(1, length)) for length in _LENGTHS[0][::3])
    # A user's forward can raise anything, such as for that many frames; a capture says so with its line.
    except Exception:
        return
    line = max((each for each in more if each is not None), key=lambda each: more[each] - few.get(each, 0))
    raise ModelRefused(
        f"{source.name}: cannot stream: {line} runs for pairs of frames, once more often for each further frame, which "
        "grows without bound; compare a frame with the last few only, or with a state of a fixed size"
    )


def _grows(source: ModuleAdapter, example: Example, lengths: tuple[int, ...]) -> bool:
    counts = [_calls_of_values(source, example.given(1, length)) for length in lengths]
    steps = [after - before for before, after in pairwise(counts)]
    more = {after - before for before, after in pairwise(steps)}
    return len(more) == 1 and more.pop() > 0


class _Counter(OfValues):  # type: ignore[no-untyped-call]
    """Counts the calls of torch that read what is computed of frames."""

    calls = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.calls += self.holds((args, kwargs))
        return super().__torch_dispatch__(func, types, args, kwargs)


def _calls_of_values(source: ModuleAdapter, inputs: tuple[torch.Tensor, ...]) -> int:
    counter = _Counter(inputs)
    with counter:
        source(*inputs)
    return counter.calls
