"""From a PyTorch module to an offline ONNX graph."""

from rnnedge_export.capture.capture import Captured, capture
from rnnedge_export.capture.source import Example, Source, read_example, weights_digest

__all__ = ["Captured", "Example", "Source", "capture", "read_example", "weights_digest"]
