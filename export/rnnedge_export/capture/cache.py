"""One capture for several exports of a network: torch.export is half of an export's time.

    with CaptureCache():
        export(module, example, "native.onnx")
        export(module, example, "step.onnx", form="step")

The captured graph is what every form and precision begins from, and none of them changes it. Two networks are one if
they are of the same classes, hold the same settings and weights, and have the same example. What `forward` reads from
elsewhere, such as a global, is not looked at; the proof of a file compares it with the network as it is now.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token

import torch
from torch import nn

from rnnedge_export.capture.capture import Captured
from rnnedge_export.capture.capture import capture as _capture
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.module_adapter import ModuleAdapter, weights_digest

_ACTIVE: ContextVar[CaptureCache | None] = ContextVar("capture cache", default=None)


class CaptureCache:
    """Graphs that were captured while it was active; who exports makes it, and they live as long as it does."""

    def __init__(self, make: Callable[[ModuleAdapter, Example, int], Captured] = _capture) -> None:
        """`make` captures what is not here."""
        self._make = make
        # With the module, so that no other function or class can come to have the identity of one of its own.
        self._known: dict[object, tuple[Captured, nn.Module]] = {}
        self._before: list[Token[CaptureCache | None]] = []

    def __enter__(self) -> CaptureCache:
        """From now on exports of this thread look here first."""
        self._before.append(_ACTIVE.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        """What was captured stays for the next time."""
        _ACTIVE.reset(self._before.pop())

    def captured(self, source: ModuleAdapter, example: Example, opset: int) -> Captured:
        """The graph of `source`, captured now or before."""
        key = (
            *_module(source.module),
            *map(_tensor, example.tensors),
            *((e.name, e.axis, e.state, _numbers(e.value), _numbers(e.default)) for e in example.extras),
            repr(example.names),
            repr(example.layout),
            example.batch_axis,
            example.time_axis,
            opset,
        )
        if key not in self._known:
            self._known[key] = self._make(source, example, opset), source.module
        return self._known[key][0]


def capture(source: ModuleAdapter, example: Example, opset: int) -> Captured:
    """What the active cache holds of `source`, else its graph captured now; raises `ModelRefused` as that does."""
    cache = _ACTIVE.get()
    return _capture(source, example, opset) if cache is None else cache.captured(source, example, opset)


def _module(module: nn.Module) -> tuple[object, ...]:
    """Every class of the module by identity, so that two that are only called the same are two, and what they hold."""
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
    """A lambda is made again where its network is, of the same code; what it encloses may differ."""
    code = getattr(function, "__code__", None)
    alone = code is not None and getattr(function, "__closure__", None) is None
    return id(code if alone and not getattr(function, "__defaults__", None) else function)


def _numbers(tensor: torch.Tensor | None) -> tuple[object, ...]:
    return () if tensor is None else (tuple(tensor.shape), str(tensor.dtype), tensor.numpy().tobytes())


def _tensor(tensor: torch.Tensor) -> tuple[object, ...]:
    return (tuple(tensor.shape), str(tensor.dtype), b"" if tensor.is_floating_point() else tensor.numpy().tobytes())
