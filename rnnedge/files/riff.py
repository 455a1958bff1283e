"""WAV files: their chunks, read by ourselves, so that a file that is cut short is never taken for a shorter recording.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), chapter 3; Microsoft's
WAVEFORMATEXTENSIBLE for the format 0xFFFE.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

PCM, FLOAT = 1, 3
_EXTENSIBLE = 0xFFFE
# What follows the code of the format in the identifier of an extensible one.
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN = (0, 0xFFFFFFFF)


@dataclass(frozen=True)
class Wav:
    """`format` as in the file, that of an extensible one resolved; samples are `size` bytes from `start` on."""

    format: int
    channels: int
    rate_hz: int
    bits: int
    start: int
    size: int


def read_wav_header(path: Path) -> Wav:
    """Where the samples of a WAV file are, and what they are.

    A recorder that writes into a pipe does not know how much will follow, and writes a length of 0 or of 0xFFFFFFFF;
    then the samples go on until the end of the file. Any other length is a promise.

    Raises `InputError` for a file that is cut short, without channels, rate, or samples, and of another kind.
    """
    try:
        with open_plain(path) as file:
            return _wav(file, os.fstat(file.fileno()).st_size, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _wav(file: IO[bytes], there: int, path: Path) -> Wav:
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise _refused(path, "it does not begin with RIFF and WAVE")
    (promised,) = struct.unpack("<I", head[4:8])
    form = b""
    at = 12
    while True:
        file.seek(at)
        header = file.read(8)
        if len(header) < 8:
            raise _refused(path, "cut short: it ends before its samples")
        name, size = header[:4], int.from_bytes(header[4:], "little")
        at += 8
        if name == b"data":
            break
        if at + size > there:
            raise _cut(path, at + size, there)
        if name == b"fmt ":
            form = file.read(min(size, 40))
        at += size + size % 2
    if len(form) < 16:
        raise _refused(path, "no chunk with the format before the samples")
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", form[:16])
    if code == _EXTENSIBLE and form[26:40] == _SUBFORMAT:
        code = int.from_bytes(form[24:26], "little")
    if not (channels and rate and align):
        raise _refused(path, f"{channels} channels of {bits} bits at {rate} samples per second")
    if code in (PCM, FLOAT) and align != channels * -(-bits // 8):
        raise _refused(path, f"{align} bytes for a sample of {channels} channels of {bits} bits")
    open_end = size == 0xFFFFFFFF or (size == 0 and (promised in _UNKNOWN or promised + 8 <= at))
    if not open_end and at + size > there:
        raise _cut(path, at + size, there)
    if not open_end and code in (PCM, FLOAT) and size % align:
        raise _refused(path, "cut short: it ends within a sample")
    return Wav(code, channels, rate, bits, at, there - at if open_end else size)


def _refused(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: not a WAV file that can be read ({reason})")


def _cut(path: Path, expected: int, found: int) -> InputError:
    return InputError(f"{path}: cut short: expected {expected} bytes, found {found}; copy it again")
