"""Samples of sound as bytes: how they are written, and what numbers they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

# Kinds of samples without a header, as ffmpeg, sox and arecord (in capitals) call them.
RAW = ("u8", "s16le", "s24le", "s32le", "f32le", "f64le")
# Endings of WAV files, and of other sound, which libsndfile reads.
WAV = (".wav", ".wave", ".rf64", ".bwf")
CODED = (".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".aifc", ".au", ".w64")


@dataclass(frozen=True)
class Encoding:
    """`kind`: "u" for bytes around 128, "s" for signed integers, "f" for floats; `width`: bytes of a sample."""

    kind: str
    width: int

    @property
    def name(self) -> str:
        """As in `RAW`."""
        return "u8" if self.kind == "u" else f"{self.kind}{8 * self.width}le"

    def decode(self, data: bytes) -> Array:
        """Samples float32 (n,), integers scaled to [-1, 1), of whole samples."""
        if self.kind == "f":
            with np.errstate(over="ignore"):
                return np.frombuffer(data, f"<f{self.width}").astype(np.float32)
        if self.kind == "u":
            return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
        if self.width == 3:
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return (wide.view("<i4")[:, 0].astype(np.float64) / (1 << 31)).astype(np.float32)
        found = np.frombuffer(data, f"<i{self.width}")
        return (found.astype(np.float64) / (1 << (8 * self.width - 1))).astype(np.float32)


def encoding(name: str) -> Encoding:
    """Of a name in `RAW`, or arecord's `S16_LE`. Raises `InputError` for another one."""
    known = name.lower().replace("_", "")
    if known not in RAW:
        raise InputError(f"raw samples: expected one of {', '.join(RAW)}, found {name!r}")
    return Encoding(known[0], int(known[1:].removesuffix("le")) // 8)
