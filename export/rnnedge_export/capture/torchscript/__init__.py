"""TorchScript modules, traced, scripted or loaded, as modules of Python code."""

from rnnedge_export.capture.torchscript._module import as_python

__all__ = ["as_python"]
