"""The device side of rnnedge: load a streaming ONNX file, stream frames through it, measure it.

Needs numpy and onnxruntime, nothing else.
"""

from rnnedge_runtime.contract import Contract, Golden, Normalization, Port, State
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
from rnnedge_runtime.golden import GoldenReport, replay
from rnnedge_runtime.model import Model, load
from rnnedge_runtime.monitor import Alarm, StateMonitor
from rnnedge_runtime.stream import Stream

__all__ = [
    "Alarm",
    "Contract",
    "ContractError",
    "Dropped",
    "Event",
    "Golden",
    "GoldenReport",
    "InputError",
    "MissingExtra",
    "Model",
    "ModelRefused",
    "Normalization",
    "OwnerError",
    "Port",
    "ProviderError",
    "RnnEdgeError",
    "Stalled",
    "State",
    "StateMonitor",
    "Stream",
    "VerificationError",
    "load",
    "replay",
]
