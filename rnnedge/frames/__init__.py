"""Frames from files and pipes, as a model takes them: CSV, JSON lines, NPY, NPZ, Parquet, WAV and raw samples."""

from rnnedge.frames._audio import sample_scale
from rnnedge.frames._options import ReadOptions
from rnnedge.frames._readers import read_frames

__all__ = ["ReadOptions", "read_frames", "sample_scale"]
