"""A network is captured once in a test process, whatever it is exported to: torch.export is half of an export's time.

The captured graph is what every form and precision begins from, and none of them changes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from rnnedge_export.capture import Captured, weights_digest

# With the module, so that no other function or class can come to have the identity of one of its own.
_KNOWN: dict[object, tuple[Captured, nn.Module]] = {}


def remembering(original: Callable[..., Captured]) -> Callable[..., Captured]:
    """`capture`, which remembers what the same class with the same weights and example gave."""

    def capture(source: Any, example: Any, opset: int) -> Captured:
        key = (
            *_module(source),
            *map(_tensor, example.tensors),
            repr(example.states),
            example.batch_axis,
            example.time_axis,
            opset,
        )
        if key not in _KNOWN:
            _KNOWN[key] = original(source, example, opset), source.module
        return _KNOWN[key][0]

    return capture


def _module(source: Any) -> tuple[object, ...]:
    """Every class of the module by identity, so that two that are only called the same are two, and what they hold."""
    module: nn.Module = source.module
    held = [repr(sorted(_plain(part).items())) for part in module.modules()]
    buffers = [buffer.numpy().tobytes() for buffer in module.buffers() if not buffer.is_meta]
    return (repr(module), weights_digest(module), *map(type, module.modules()), *held, *buffers)


def _plain(part: nn.Module) -> dict[str, object]:
    """Settings of a module that are neither modules nor tensors; functions by what identifies them."""
    found = {k: v for k, v in vars(part).items() if not k.startswith("_") and k != "training"}
    return {
        k: _identity(v) if callable(v) else v for k, v in found.items() if not isinstance(v, (nn.Module, torch.Tensor))
    }


def _identity(function: Callable[..., object]) -> int:
    """A lambda is made anew where its network is, of the same code; what it encloses may differ."""
    code = getattr(function, "__code__", None)
    alone = code is not None and getattr(function, "__closure__", None) is None
    return id(code if alone and not getattr(function, "__defaults__", None) else function)


def _tensor(tensor: torch.Tensor) -> tuple[object, ...]:
    return (tuple(tensor.shape), str(tensor.dtype), b"" if tensor.is_floating_point() else tensor.numpy().tobytes())
