"""The device side of rnnedge: load a streaming ONNX file, stream frames through it, measure it.

Needs numpy and onnxruntime, nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rnnedge_runtime._telemetry import keep_off
from rnnedge_runtime.contract import Contract, Golden, Normalization, Port, State, Tap
from rnnedge_runtime.errors import (
    ContractError,
    Dropped,
    InputError,
    MissingExtra,
    ModelRefused,
    OwnerError,
    ProviderError,
    RnnEdgeError,
    Stalled,
    VerificationError,
)
from rnnedge_runtime.faults import Event
from rnnedge_runtime.frames import Outputs
from rnnedge_runtime.loader import load
from rnnedge_runtime.model import Model
from rnnedge_runtime.stream import Stream

# Nothing above imports onnxruntime, and whatever does is part of this package, which is imported first.
keep_off()

if TYPE_CHECKING:
    from rnnedge_runtime._monitor import Alarm, StateMonitor
    from rnnedge_runtime._realtime import Realtime, realtime
    from rnnedge_runtime._replay import replay
    from rnnedge_runtime.golden import GoldenReport
    from rnnedge_runtime.pool import Member, StreamPool
    from rnnedge_runtime.pool._batcher import Batcher

# What a device seldom needs is loaded when it is asked for (PEP 562).
_LATER = {
    "Alarm": "_monitor",
    "Batcher": "pool._batcher",
    "GoldenReport": "golden",
    "Member": "pool",
    "StateMonitor": "_monitor",
    "StreamPool": "pool",
    "Realtime": "_realtime",
    "realtime": "_realtime",
    "replay": "_replay",
}

__all__ = [
    "Alarm",
    "Batcher",
    "Contract",
    "ContractError",
    "Dropped",
    "Event",
    "Golden",
    "GoldenReport",
    "InputError",
    "Member",
    "MissingExtra",
    "Model",
    "ModelRefused",
    "Normalization",
    "Outputs",
    "OwnerError",
    "Port",
    "ProviderError",
    "Realtime",
    "RnnEdgeError",
    "Stalled",
    "State",
    "StateMonitor",
    "Stream",
    "StreamPool",
    "Tap",
    "VerificationError",
    "load",
    "realtime",
    "replay",
]


def __getattr__(name: str) -> Any:
    """A name of `_LATER`."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
