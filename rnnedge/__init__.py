"""Recurrent networks that run live on a device: PyTorch in, verified streaming ONNX out.

    report = rnnedge.export(module, example, "model.onnx")   # on the workstation
    model = rnnedge.load("model.onnx")                       # on the device
    stream = model.stream()
    ready = stream.push(frames)                              # (time, features) in, what became computable out
    last = stream.finish()

Importing this package is cheap: torch, onnx and onnxruntime are loaded by the first function that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from rnnedge import _moved

if TYPE_CHECKING:
    from rnnedge_export import (
        Check,
        Effort,
        ExportOptions,
        NotPortableWarning,
        Precision,
        Report,
        Verification,
        adopt,
        convert,
        export,
        verify,
    )
    from rnnedge_runtime import (
        Alarm,
        Batcher,
        Contract,
        ContractError,
        Dropped,
        Event,
        InputError,
        Member,
        MissingExtra,
        Model,
        ModelRefused,
        Normalization,
        Outputs,
        OwnerError,
        ProviderError,
        Realtime,
        RnnEdgeError,
        Stalled,
        StateMonitor,
        Stream,
        StreamPool,
        VerificationError,
        load,
        realtime,
        replay,
    )

__all__ = [
    "Alarm",
    "Batcher",
    "Check",
    "Contract",
    "ContractError",
    "Dropped",
    "Effort",
    "Event",
    "ExportOptions",
    "InputError",
    "Member",
    "MissingExtra",
    "Model",
    "ModelRefused",
    "Normalization",
    "NotPortableWarning",
    "Outputs",
    "OwnerError",
    "Precision",
    "ProviderError",
    "Realtime",
    "Report",
    "RnnEdgeError",
    "Stalled",
    "StateMonitor",
    "Stream",
    "StreamPool",
    "Verification",
    "VerificationError",
    "adopt",
    "convert",
    "export",
    "load",
    "realtime",
    "replay",
    "verify",
]

_moved.install()

_EXPORT = {
    "Check",
    "Effort",
    "ExportOptions",
    "NotPortableWarning",
    "Precision",
    "Report",
    "Verification",
    "adopt",
    "convert",
    "export",
    "verify",
}
# What other tools call it.
_MEANT = {
    **dict.fromkeys(("InferenceSession", "Session", "open", "Runtime", "from_file"), "load(path) opens a file"),
    **dict.fromkeys(("stream", "run", "predict", "infer"), "load(path).stream() takes frames"),
    **dict.fromkeys(("compile", "bench", "tune", "train", "serve", "score", "doctor"), "a verb: rnnedge {0} --help"),
    **dict.fromkeys(("to_onnx", "save", "trace", "script"), "export(module, example, path) writes a file"),
    **dict.fromkeys(("quantize", "Quantizer"), 'export(..., precision="int8") stores fewer bits'),
    **dict.fromkeys(("check", "validate", "test"), "verify(path, module) compares both"),
}


def __getattr__(name: str) -> Any:
    """Load a public name from the package that owns it (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("rnnedge")
    if name not in __all__:
        hint = f"; {_MEANT[name].format(name)}" if name in _MEANT else ""
        raise AttributeError(f"module 'rnnedge' has no attribute {name!r}{hint}")
    if name not in _EXPORT:
        return getattr(import_module("rnnedge_runtime"), name)
    try:
        return getattr(import_module("rnnedge_export"), name)
    except ModuleNotFoundError as error:
        from rnnedge_runtime.errors import MissingExtra

        raise MissingExtra(f"rnnedge.{name} needs {error.name}; install 'rnnedge[export]'") from error


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return [*__all__, "__version__"]
