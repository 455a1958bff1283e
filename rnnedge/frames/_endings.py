"""What to do with a path that is no recording: what is missing, and files of other kinds."""

from __future__ import annotations

import glob
from pathlib import Path

from rnnedge_runtime.plain_file import is_folder

_SOUND = (".m4a", ".aac", ".wma", ".mp4", ".caf", ".webm", ".amr")
_TABLES = (".xlsx", ".xls", ".ods")
_ARRAYS = (".mat", ".h5", ".hdf5", ".pt", ".pth", ".pkl", ".pickle", ".feather", ".arrow")
KINDS = ".csv, .jsonl, .npy, .npz, .parquet, .wav, .flac, .ogg, .mp3, .aiff"


def advice(ending: str) -> str:
    """How to bring a file with this ending, in small letters, to one that is read."""
    if ending in _SOUND:
        return f"convert it, as with ffmpeg -i IN{ending} OUT.wav"
    if ending in _TABLES:
        return "save the sheet as CSV"
    if ending in _ARRAYS:
        return "save its array with numpy.save, or as CSV"
    if ending == ".onnx":
        return "the model comes first, then the recording"
    return "raw samples need --raw s16le"


def missing(path: Path) -> str:
    """Why `path` is no file, and what to give."""
    name = str(path)
    if is_folder(path):
        return "is a folder; give one of its files, or take rnnedge score for all of them"
    if glob.has_magic(name):
        return "no such file; give one file, or take rnnedge score for all that match"
    if name in ("mic", "microphone", "tcp", "serial", "mqtt", "ws"):
        scheme = name[:3] if name.startswith("mic") else name
        return f"no such file; did you mean {scheme}: with its colon?"
    return f"no such file; give one of {KINDS}, or - for standard input"
