"""ONNX files that already stream, with states of their own, get a contract."""

from rnnedge_export.adoption.adopt import adopt

__all__ = ["adopt"]
