"""From a PyTorch module, or an ONNX file for whole sequences, to an offline ONNX graph."""

from rnnedge_export.capture.cache import CaptureCache, capture
from rnnedge_export.capture.capture import Captured
from rnnedge_export.capture.kept_values import changed_by, left_as_it_was
from rnnedge_export.capture.module_adapter import Example, Source, read_example, weights_digest
from rnnedge_export.capture.onnx_file import OnnxSource, open_offline
from rnnedge_export.capture.usable_module import check_usable

__all__ = [
    "CaptureCache",
    "Captured",
    "Example",
    "OnnxSource",
    "Source",
    "capture",
    "changed_by",
    "check_usable",
    "left_as_it_was",
    "open_offline",
    "read_example",
    "weights_digest",
]
