"""From a PyTorch module for whole sequences to a verified ONNX file that streams.

Needs torch, onnx, onnx-ir and onnxscript; knows nothing of the models in `rnnedge`, it takes any `nn.Module`. Importing
it loads none of them: the native engine asks a part of it which compiler is here, whenever it opens a library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnedge_export.adoption import adopt
    from rnnedge_export.api import convert, export
    from rnnedge_export.options import ExportOptions, Precision
    from rnnedge_export.publish import NotPortableWarning
    from rnnedge_export.report import Report
    from rnnedge_export.verification import Check, Effort, Verification, verify

__all__ = [
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
]

_HOMES = {
    "adopt": "adoption",
    "convert": "api",
    "export": "api",
    "ExportOptions": "options",
    "NotPortableWarning": "publish",
    "Precision": "options",
    "Report": "report",
}


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'verification')}"), name)
