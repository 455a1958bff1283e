"""From a PyTorch module, or an ONNX file for whole sequences, to an offline ONNX graph."""

from rnnedge_export.capture.capture import Captured, capture
from rnnedge_export.capture.onnx_file import OnnxSource, open_offline
from rnnedge_export.capture.source import Example, Source, read_example, weights_digest

__all__ = ["Captured", "Example", "OnnxSource", "Source", "capture", "open_offline", "read_example", "weights_digest"]
