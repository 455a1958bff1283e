"""A WAV file that promises more than it holds is refused, whatever reads it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from in_one_test import in_one_test

from rnnedge.files.riff import FLOAT, PCM, read_wav_header
from rnnedge_runtime import InputError

FORM = struct.pack("<HHIIHH", PCM, 1, 16000, 32000, 2, 16)
EXTENSIBLE = struct.pack("<HHIIHHHHIH", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4, PCM)
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
OPEN = 0xFFFFFFFF


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """With its length, or another one, and the byte that makes it even."""
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def wav(*chunks: bytes, size: int | None = None) -> bytes:
    """A file of chunks."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def whole(samples: bytes = bytes(20), size: int | None = None, riff: int | None = None, form: bytes = FORM) -> bytes:
    """The format, then samples that say that they are `size` bytes."""
    return wav(chunk(b"fmt ", form), chunk(b"data", samples, size), size=riff)


@in_one_test(
    ("data", "found"),
    [
        (whole(), 20),
        (whole(form=EXTENSIBLE + SUBFORMAT), 20),
        (whole(form=FORM + bytes(2)), 20),
        (wav(chunk(b"LIST", b"odd"), chunk(b"fmt ", FORM), chunk(b"fact", bytes(4)), chunk(b"data", bytes(20))), 20),
        (wav(chunk(b"fmt ", FORM), chunk(b"data", bytes(20)), chunk(b"LIST", bytes(8))), 20),
        (whole(riff=0), 20),
        (whole(riff=1 << 30), 20),
        (whole(size=OPEN, riff=OPEN), 20),
        (whole(size=0, riff=0), 20),
        (whole(size=0, riff=OPEN), 20),
        (whole(size=0, riff=36), 20),
        (whole(b"", riff=36), 0),
        (wav(chunk(b"fmt ", FORM), chunk(b"data", b""), chunk(b"LIST", bytes(8))), 0),
    ],
)
def test_samples_are_found(data: bytes, found: int, tmp_path: Path) -> None:
    """After any other chunks; a length that the recorder did not know goes on until the end of the file."""
    (tmp_path / "a.wav").write_bytes(data)
    header = read_wav_header(tmp_path / "a.wav")
    assert (header.size, header.format, header.channels, header.bits, header.rate_hz) == (found, PCM, 1, 16, 16000)
    assert data[header.start - 8 : header.start - 4] == b"data"


@in_one_test(
    ("data", "words"),
    [
        (whole(size=22), "cut short: expected 66 bytes, found 64; copy it again"),
        (whole(size=2000), "cut short"),
        (whole(size=(1 << 31) - 2), "cut short"),
        (whole(size=OPEN - 1, riff=OPEN), "cut short"),
        (whole(bytes(3)), "ends within a sample"),
        (whole()[:40], "cut short"),
        (whole()[:20], "cut short"),
        (wav(chunk(b"LIST", b"", 400), chunk(b"fmt ", FORM)), "cut short"),
        (wav(chunk(b"data", bytes(20)), chunk(b"fmt ", FORM)), "no chunk with the format"),
        (wav(chunk(b"fmt ", FORM[:12]), chunk(b"data", bytes(20))), "no chunk with the format"),
        (whole(form=struct.pack("<HHIIHH", PCM, 0, 16000, 32000, 2, 16)), "0 channels"),
        (whole(form=struct.pack("<HHIIHH", PCM, 1, 0, 0, 2, 16)), "at 0 samples per second"),
        (whole(form=struct.pack("<HHIIHH", PCM, 1, 16000, 32000, 0, 16)), "16 bits"),
        (whole(form=struct.pack("<HHIIHH", FLOAT, 1, 16000, 32000, 2, 32)), "2 bytes for a sample"),
        (whole(form=struct.pack("<HHIIHH", PCM, 2, 16000, 32000, 2, 16)), "2 bytes for a sample of 2 channels"),
        (b"RIFX" + whole()[4:], "does not begin with RIFF"),
        (b"", "does not begin with RIFF"),
    ],
)
def test_what_is_not_whole_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    """A copy that broke off, a format that contradicts itself, another order of bytes."""
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_wav_header(tmp_path / "a.wav")


RF64_FORM = chunk(b"ds64", struct.pack("<QQQI", 0, 8, 4, 0)) + chunk(b"fmt ", FORM)


@in_one_test(
    ("data", "words"),
    [
        (wav(chunk(b"fmt ", FORM), chunk(b"data", bytes(8)), chunk(b"LIST", b""), chunk(b"data", bytes(8))), "several"),
        (wav(chunk(b"fmt ", FORM), chunk(b"fmt ", FORM), chunk(b"data", bytes(8))), "two chunks with the format"),
        (b"RF64" + wav(chunk(b"fmt ", FORM), chunk(b"data", bytes(8), OPEN), chunk(b"LIST", b"abcd"))[4:], "ds64"),
        (b"RF64" + wav(chunk(b"ds64", bytes(9)), chunk(b"fmt ", FORM), chunk(b"data", bytes(8), OPEN))[4:], "ds64"),
        (wav(*[chunk(b"JUNK", b"")] * 5000, chunk(b"fmt ", FORM), chunk(b"data", bytes(8))), "more than 4,096 chunks"),
    ],
)
def test_samples_that_would_be_read_wrongly_are_refused(data: bytes, words: str, tmp_path: Path) -> None:
    """A part of them, in another format, with other chunks among them, or never."""
    (tmp_path / "a.wav").write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_wav_header(tmp_path / "a.wav")


def test_what_follows_the_samples_and_is_no_chunk_is_told(tmp_path: Path) -> None:
    """A recorder writes their number from time to time, and is ended in between."""
    good = [
        wav(chunk(b"fmt ", FORM), chunk(b"data", bytes(8)), chunk(b"LIST", b"odd"), chunk(b"id3 ", b"")),
        wav(chunk(b"fmt ", FORM), chunk(b"data", bytes(8)), *[chunk(b"LIST", b"")] * 9),
        b"RF64" + wav(RF64_FORM, chunk(b"data", bytes(8), OPEN), chunk(b"LIST", b"abcd"))[4:],
    ]
    for data in good:
        (tmp_path / "a.wav").write_bytes(data)
        assert read_wav_header(tmp_path / "a.wav").size == 8
    for data in (whole(size=8), whole() + b"TAG" + bytes(125), whole() + b"x"):
        (tmp_path / "a.wav").write_bytes(data)
        with pytest.warns(UserWarning, match=f"{len(data) - 44 - (8 if data == whole(size=8) else 20)} bytes after"):
            read_wav_header(tmp_path / "a.wav")
