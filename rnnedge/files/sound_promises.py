"""What the header of coded sound promises: as many samples as may be believed before any is decoded.

A megabyte of FLAC can hold a gigabyte of silence, or say that it holds 200; half of an MP3 file decodes without an
error. What is read is compared with the promise, and a promise of too much is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

# Sound that is coded at 8 kilobit per second has 128 bytes of float32 for one of the file.
_MOST_BYTES_PER_BYTE = 512
_ALWAYS_TAKEN = 256 << 20
# What libsndfile says where a header says nothing.
_UNKNOWN = (1 << 63) - 1
_TAG, _ID3 = (b"Xing", b"Info"), 10


class SoundFile(Protocol):
    """What is asked of `soundfile.SoundFile`."""

    frames: int
    channels: int


def promised(file: SoundFile, path: Path) -> int | None:
    """Samples of each channel that a file at `path` says that it holds; None where it does not say, or estimates."""
    if file.frames >= _UNKNOWN or (path.suffix.lower() == ".mp3" and not _is_tagged(path)):
        return None
    return file.frames


def check_bounded(file: SoundFile, path: Path) -> None:
    """Raise `InputError` for a file that does not say, or that would take much more memory, as float32, than it has."""
    if file.frames >= _UNKNOWN:
        raise InputError(f"{path}: does not say how many samples it holds; convert it to WAV")
    wanted, most = 4 * file.frames * file.channels, max(_ALWAYS_TAKEN, _MOST_BYTES_PER_BYTE * path.stat().st_size)
    if wanted > most:
        raise InputError(
            f"{path}: expected at most {most >> 20:,} MiB of samples in a file of {path.stat().st_size:,} bytes, found "
            f"{wanted >> 20:,} MiB; save it as WAV if they are needed"
        )


def check_whole(found: int, promise: int | None, path: Path) -> None:
    """Raise `InputError` where fewer samples came than the file promises."""
    if promise is not None and found < promise:
        raise InputError(f"{path}: cut short: expected {promise:,} samples, found {found:,}; copy it again")


def _is_tagged(path: Path) -> bool:
    """Whether an MP3 file counts its frames, in the first one; else libsndfile guesses from the length of the file."""
    with open_plain(path) as file:
        head = file.read(_ID3)
        if head[:3] == b"ID3" and len(head) == _ID3:
            file.seek(_ID3 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        frame = file.read(256)
    return any(tag in frame for tag in _TAG)
