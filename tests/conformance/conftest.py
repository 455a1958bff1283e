"""onnxruntime on one core, as a fixture."""

from run_onnx import run_onnx

__all__ = ["run_onnx"]
