"""Frames from files and pipes, as a model takes them: CSV, JSON lines, NPY, NPZ and WAV."""

from rnnedge.frames._readers import read_frames

__all__ = ["read_frames"]
