"""Quantized files, written with the operators of float32 that compute the same integers."""

from rnnedge_export.onnx_files.quantized._in_float import in_float

__all__ = ["in_float"]
