"""Overlapping frames added up with `index_add`, as `fold` does it.

Separation networks write `y.index_add_(-2, places, frames)`, where `places` are the numbers of parts in windows of
`k` parts, every `s` parts: 0 1 2 3, 2 3 4 5, ... An index through which no time can be followed; `fold` says the same.
The places do not depend on the input, so those of the run before the capture tell which `k` and `s` they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture._user_lines import Line, line_running

_ADDING = {torch.index_add, Tensor.index_add, Tensor.index_add_}
Windows = tuple[int, int]


class OverlapAdds:
    """The windows of every line that adds frames up, seen in one run of a module."""

    def __init__(self) -> None:
        self._seen: dict[Line, Windows | None] = {}

    def noted(self) -> TorchFunctionMode:
        """While it is active, windows are noted."""
        return _Mode(self._note)

    def given(self) -> TorchFunctionMode:
        """While it is active, what was seen is written by `fold`."""
        return _Mode(self._fold)

    def _note(self, line: Line, whole: Tensor, dim: int, index: Tensor, source: Tensor, added: Any) -> Any:
        found = windows(index.tolist())
        self._seen[line] = found if self._seen.get(line, found) == found else None
        return added()

    def _fold(self, line: Line, whole: Tensor, dim: int, index: Tensor, source: Tensor, added: Any) -> Any:
        found = self._seen.get(line)
        return added() if found is None else _folded(whole, dim, source, found)


def windows(places: list[int]) -> Windows | None:
    """(k, s) of places that are windows of k in a row, every s; None for others, and for a single window."""
    k = next((i for i in range(1, len(places)) if places[i] != places[i - 1] + 1), len(places))
    if k >= len(places) or len(places) % k:
        return None
    s = places[k] - places[0]
    return (k, s) if s > 0 and places == [i // k * s + i % k for i in range(len(places))] else None


def _folded(whole: Tensor, dim: int, source: Tensor, found: Windows) -> Tensor:
    """`whole` (..., parts, ...) and the windows of `source` (..., windows * k, ...) along `dim`."""
    k, s = found
    first = source.movedim(dim, 0)
    rows = first.flatten(1)
    each = rows.reshape(-1, k, rows.shape[1]).permute(2, 1, 0)
    size = (1, whole.shape[dim])
    total: Tensor = functional.fold(each, size, (1, k), stride=(1, s))[:, 0, 0]
    return whole + total.transpose(0, 1).reshape(-1, *first.shape[1:]).movedim(0, dim)


class _Mode(TorchFunctionMode):
    def __init__(self, adding: Any) -> None:
        super().__init__()
        self._adding = adding

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        plain = func in _ADDING and len(args) == 4 and not kwargs and not torch.compiler.is_dynamo_compiling()
        line = line_running() if plain else None
        if line is None:
            return func(*args, **kwargs)
        made = self._adding(line, *args, lambda: func(*args, **kwargs))
        return args[0].copy_(made) if func is Tensor.index_add_ and made is not args[0] else made
