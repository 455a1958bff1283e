"""ONNX files of any framework as sources: what frameworks write, brought to the form that the passes read.

One habit per module. `open_offline` takes a file for whole sequences; `_stateful` one with states of its own.
"""

from rnnedge_export.onnx_files._axes_note import axes_note, noted_axes
from rnnedge_export.onnx_files._constants import CONSTANTS, note, noted
from rnnedge_export.onnx_files._trial import TooMuch
from rnnedge_export.onnx_files.onnx_source import OnnxSource
from rnnedge_export.onnx_files.open_offline import open_offline

__all__ = ["CONSTANTS", "OnnxSource", "TooMuch", "axes_note", "note", "noted", "noted_axes", "open_offline"]
