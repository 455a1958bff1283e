"""Packed sequences that are all as long as the tensor: packing leaves every frame where it is.

1. What packs is noted while a module is called with numbers; lengths other than that of the tensor are refused.
2. While it is captured, `pack_padded_sequence` gives a packed sequence that holds the tensor itself, (time, batch,
   ...), under whatever name a module has that function; `pad_packed_sequence` gives it back.
3. A recurrent layer that is given one computes with the tensor, and packs what it gives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn.utils import rnn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture._user_lines import line_running
from rnnedge_runtime.errors import ModelRefused

_LAYERS = (nn.RNN, nn.GRU, nn.LSTM)


class Packing(TorchFunctionMode):
    """Case 1: entered while a module is called."""

    def __init__(self) -> None:
        """Nothing has packed yet."""
        super().__init__()
        self._seen = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch._pack_padded_sequence:
            self._seen = True
            _check_lengths(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Cases 2 and 3, where a module packs."""
        with ExitStack() as stack:
            if self._seen:
                for module, name, other in list(_named()):
                    stack.enter_context(patch.object(module, name, other))
                for layer in _LAYERS:
                    stack.enter_context(patch.object(layer, "forward", _of_frames(layer.forward)))
            yield


def _check_lengths(frames: Tensor, lengths: Tensor, batch_first: bool) -> None:
    time = frames.shape[1 if batch_first else 0]
    other = [one for one in lengths.tolist() if one != time]
    if other:
        raise ModelRefused(
            f"{line_running() or 'forward'}: packs sequences of {other[0]} of {time} frames; streaming feeds frames as "
            "they come, so give the lengths of whole sequences, or export the network without packing "
            "(pack_padded_sequence belongs in the training loop)"
        )


def _named() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """Every name of the two functions in the modules that are there, and what stands in for it."""
    stand_ins: dict[int, Callable[..., Any]] = {
        id(rnn.pack_padded_sequence): _packed,
        id(rnn.pad_packed_sequence): _padded,
    }
    # What stands in the table of modules may be anything.
    modules: list[Any] = list(sys.modules.values())
    for module in modules:
        for name, value in list(vars(module).items()) if isinstance(module, ModuleType) else []:
            if id(value) in stand_ins:
                yield module, name, stand_ins[id(value)]


def _packed(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    return PackedSequence(input.transpose(0, 1) if batch_first else input, torch.zeros(1, dtype=torch.int64))


def _padded(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: Any = None
) -> tuple[Tensor, Tensor]:
    frames = sequence.data
    lengths = torch.full((frames.shape[1],), frames.shape[0], dtype=torch.int64)
    return frames.transpose(0, 1) if batch_first else frames, lengths


def _of_frames(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Case 3."""

    def of(self: nn.RNNBase, input: Any, hx: Any = None) -> Any:
        if not isinstance(input, PackedSequence):
            return forward(self, input, hx)
        y, last = forward(self, input.data.transpose(0, 1) if self.batch_first else input.data, hx)
        return PackedSequence(y.transpose(0, 1) if self.batch_first else y, input.batch_sizes), last

    return of
