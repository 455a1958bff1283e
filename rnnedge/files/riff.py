"""WAV files: their chunks, read by ourselves, so that a file that is cut short is never taken for a shorter recording.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM and Microsoft, 1991), chapter 3; Microsoft's
WAVEFORMATEXTENSIBLE for the format 0xFFFE; EBU Tech 3306 for RF64, whose lengths have 64 bits.
"""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from rnnedge.files.samples import Encoding
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

PCM, FLOAT = 1, 3
_EXTENSIBLE = 0xFFFE
# What follows the code of the format in the identifier of an extensible one.
_SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
_UNKNOWN = (0, 0xFFFFFFFF)
# What recorders write into a pipe in place of a length that they do not know: the most that 31 bits hold, or so.
_NEVER_KNOWN = 0x7FFF0000
_OTHERS = {
    2: "ADPCM by Microsoft", 6: "G.711 A-law", 7: "G.711 mu-law", 17: "ADPCM by IMA", 49: "GSM 6.10", 80: "MPEG",
    85: "MP3", 255: "AAC",
}  # fmt: skip
_BLOCK = 1 << 16
# More than any program writes.
_MOST_CHUNKS = 1 << 12


@dataclass(frozen=True)
class Wav:
    """`format` as in the file, that of an extensible one resolved; samples are `size` bytes from `start` on.

    `size`: -1 in a pipe, for all that comes.
    """

    format: int
    channels: int
    rate_hz: int
    bits: int
    start: int
    size: int

    @property
    def is_coded(self) -> bool:
        """Whether the samples are in another form than as plain numbers, and one that has a name."""
        return self.format in _OTHERS

    @property
    def coding(self) -> str:
        """What the samples are, in words."""
        return {PCM: f"{self.bits} bits", FLOAT: f"float of {self.bits} bits"}.get(
            self.format, _OTHERS.get(self.format, f"format {self.format}")
        )

    def encoding(self, name: str) -> Encoding:
        """How samples are written. Raises `InputError` for a compressed file, and for odd sizes."""
        width = -(-self.bits // 8)
        if self.format == PCM and 1 <= width <= 4:
            return Encoding("u" if width == 1 else "s", width)
        if self.format == FLOAT and self.bits in (32, 64):
            return Encoding("f", width)
        raise InputError(
            f"{name}: expected samples as PCM of 8 to 32 bits, or as floats, found {self.coding}; convert it, as with "
            "ffmpeg -i IN -c:a pcm_s16le OUT.wav"
        )


def read_wav_header(path: Path) -> Wav:
    """Where the samples of a WAV file are, and what they are.

    A recorder that writes into a pipe does not know how much will follow, and writes a length of 0 or of 0xFFFFFFFF;
    then the samples go on until the end of the file. Any other length is a promise.

    Raises `InputError` for a file that is cut short, without channels, rate, or samples, and of another kind.
    """
    try:
        with open_plain(path) as file:
            return _wav(file, os.fstat(file.fileno()).st_size, str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def read_piped_header(file: IO[bytes], name: str) -> Wav:
    """The same of a pipe, which is then where the samples begin; a length near 2 GiB or more is none, too.

    Raises `InputError` as `read_wav_header` does.
    """
    return _wav(file, None, name)


def _wav(file: IO[bytes], there: int | None, name: str) -> Wav:
    """`there`: bytes of the file, None in a pipe."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise _refused(name, "it does not begin with RIFF and WAVE")
    (promised,) = struct.unpack("<I", head[4:8])
    form, long_size, at = b"", -1, 12
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            raise _refused(name, "cut short: it ends before its samples")
        kind, size = header[:4], int.from_bytes(header[4:], "little")
        at += 8
        if kind == b"data":
            break
        if there is not None and at + size > there:
            raise _cut(name, at + size, there)
        body = file.read(min(size, 40))
        if kind == b"fmt ":
            if form:
                raise _refused(name, "two chunks with the format")
            form = body
        if kind == b"ds64" and len(body) >= 16:
            long_size = int.from_bytes(body[8:16], "little")
        _skip(file, size + size % 2 - len(body), there is not None)
        at += size + size % 2
    else:
        raise _refused(name, f"more than {_MOST_CHUNKS:,} chunks before its samples")
    if head[:4] == b"RF64" and size == 0xFFFFFFFF:
        if long_size < 0:
            raise _refused(name, "RF64 without the chunk ds64, which has its length")
        size = long_size or size
    wav = _described(form, at, size, name)
    open_end = size == 0xFFFFFFFF or (size == 0 and (promised in _UNKNOWN or promised + 8 <= at))
    if there is None:
        return wav if 0 < size < _NEVER_KNOWN and not open_end else replace(wav, size=-1 if open_end or size else 0)
    if not open_end and at + size > there:
        raise _cut(name, at + size, there)
    align = wav.channels * -(-wav.bits // 8)
    if not open_end and wav.format in (PCM, FLOAT) and size % align:
        raise _refused(name, "cut short: it ends within a sample")
    if not open_end:
        _check_rest(file, at + size + size % 2, there, name)
    return replace(wav, size=there - at) if open_end else wav


def _described(form: bytes, at: int, size: int, name: str) -> Wav:
    """What the chunk of the format says."""
    if len(form) < 16:
        raise _refused(name, "no chunk with the format before the samples")
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", form[:16])
    if code == _EXTENSIBLE and form[26:40] == _SUBFORMAT:
        code = int.from_bytes(form[24:26], "little")
    if not (channels and rate and align):
        raise _refused(name, f"{channels} channels of {bits} bits at {rate} samples per second")
    if code in (PCM, FLOAT) and align != channels * -(-bits // 8):
        raise _refused(name, f"{align} bytes for a sample of {channels} channels of {bits} bits")
    return Wav(code, channels, rate, bits, at, size)


def _check_rest(file: IO[bytes], at: int, there: int, name: str) -> None:
    """After its samples, from `at` on, a file has chunks that nobody needs; others are told, more samples refused."""
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        header = file.read(8)
        size = int.from_bytes(header[4:], "little")
        if header[:4] == b"data":
            raise _refused(name, "its samples are in several chunks")
        if len(header) < 8 or not (header[:4].isascii() and header[:4].decode().isprintable()) or at + 8 + size > there:
            break
        at += 8 + size + size % 2
    if at < there:
        warnings.warn(
            f"{name}: {there - at} bytes after the samples that its header promises are left out; if they are samples, "
            "its recorder was ended before it wrote their number",
            stacklevel=2,
        )


def _skip(file: IO[bytes], size: int, seekable: bool) -> None:
    """Past `size` bytes that nobody needs."""
    if seekable:
        file.seek(size, os.SEEK_CUR)
        return
    while size > 0 and (found := len(file.read(min(size, _BLOCK)))):
        size -= found


def _refused(name: str, reason: str) -> InputError:
    return InputError(f"{name}: not a WAV file that can be read ({reason})")


def _cut(name: str, expected: int, found: int) -> InputError:
    return InputError(f"{name}: cut short: expected {expected} bytes, found {found}; copy it again")
