"""Whether the bytes of coded sound are all there; libsndfile takes what is cut short for a shorter recording.

Sources: Audio Interchange File Format 1.3 (Apple), FORM chunk; the .au header of Sun; Sony's Wave64; RFC 3533 (Ogg).
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

_WAVE64 = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_PAGE, _PAGE_HEAD, _END_OF_STREAM = b"OggS", 27, 4
# A page of Ogg has at most 255 parts of 255 bytes.
_LONGEST_PAGE = _PAGE_HEAD + 255 + 255 * 255
# SFE_BAD_FILE of libsndfile.
_NO_FILE = 7


def check_length(path: Path) -> None:
    """Raise `InputError` for a file of AIFF, AU, W64 or OGG that is cut short; warn of an OGG that nobody has ended."""
    try:
        with open_plain(path) as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(24)
            file.seek(max(size - _LONGEST_PAGE, 0))
            end = file.read() if head[:4] == _PAGE else b""
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    if end:
        _check_last_page(end, path)
    elif (promised := _promised(head)) > size:
        raise InputError(f"{path}: cut short: expected {promised:,} bytes, found {size:,}; copy it again")


def _promised(head: bytes) -> int:
    """Bytes of the file that begins so; 0 where that is not said there."""
    if head[:4] == b"FORM":
        return 8 + int.from_bytes(head[4:8], "big")
    if head[:4] == b".snd":
        samples = int.from_bytes(head[8:12], "big")
        return 0 if samples == 0xFFFFFFFF else int.from_bytes(head[4:8], "big") + samples
    return int.from_bytes(head[16:24], "little") if head[:16] == _WAVE64 else 0


def _check_last_page(end: bytes, path: Path) -> None:
    last = end[end.rfind(_PAGE) :]
    if len(last) < _PAGE_HEAD or len(last) < (whole := _page_size(last)):
        raise InputError(f"{path}: cut short: its last page is not whole; copy it again")
    if not last[5] & _END_OF_STREAM or len(last) > whole:
        warnings.warn(f"{path}: has no page that ends it; it may be cut short", stacklevel=3)


def _page_size(page: bytes) -> int:
    parts = page[_PAGE_HEAD : _PAGE_HEAD + page[26]]
    return _PAGE_HEAD + page[26] + sum(parts)


def what_libsndfile_says(error: Exception) -> str:
    """What libsndfile says; it calls an MP3 file without a frame of sound a missing one."""
    if getattr(error, "code", None) == _NO_FILE:
        return "no frame of sound is found in it"
    return str(error).splitlines()[-1].rstrip(".")
