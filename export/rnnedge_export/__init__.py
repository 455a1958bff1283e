"""From a PyTorch module for whole sequences to a verified ONNX file that streams.

Needs torch, onnx, onnx-ir and onnxscript; knows nothing of the models in `rnnedge`, it takes any `nn.Module`.
"""

from rnnedge_export.adopt import adopt
from rnnedge_export.pipeline import convert, export
from rnnedge_export.precision import Precision
from rnnedge_export.report import Report
from rnnedge_export.verify import Check, Verification, verify

__all__ = ["Check", "Precision", "Report", "Verification", "adopt", "convert", "export", "verify"]
