"""What recorders write, into files and pipes, gives the same frames, or one line that says what to do."""

from __future__ import annotations

import io
import os
import struct
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.frames import ReadOptions, read_frames
from rnnedge_runtime import Contract, InputError, Port
from rnnedge_runtime.contract import Normalization

RATE = 16000
X = (np.random.default_rng(0).uniform(-0.9, 0.9, 60) * 32768).round() / 32768
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")


def contract(size: int = 1, rate: float = RATE, normalization: Normalization | None = None) -> Contract:
    """Of a model that takes `size` samples a frame."""
    port = Port("x", "float32", ("batch", "time", size), 0, 1)
    return Contract((port,), (port,), (), form="native", opset=20, frame_rate_hz=rate, normalization=normalization)


def as_s24(x: np.ndarray) -> bytes:
    """Three bytes a sample, least first."""
    return (x * (1 << 23)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


# Code of the format, bits, and how numbers in [-1, 1) are written.
CODED = {
    "s16le": (1, 16, lambda x: (x * 32768).astype("<i2").tobytes()),
    "s24le": (1, 24, as_s24),
    "s32le": (1, 32, lambda x: (x * (1 << 31)).astype("<i4").tobytes()),
    "f32le": (3, 32, lambda x: x.astype("<f4").tobytes()),
    "f64le": (3, 64, lambda x: x.astype("<f8").tobytes()),
}


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    """Made even."""
    return name + struct.pack("<I", len(body) if size is None else size) + body + bytes(len(body) % 2)


def wav(
    coding: str = "s16le", x: np.ndarray = X, rate: int = RATE, size: int | None = None, *, extensible: bool = False,
    before: bytes = b"", after: bytes = b"", head: bytes = b"RIFF",
) -> bytes:  # fmt: skip
    """A WAV file of x (time,) or (time, channel), whose data say that they are `size` bytes."""
    code, bits, write = CODED[coding]
    channels = 1 if x.ndim == 1 else x.shape[1]
    width = channels * bits // 8
    form = struct.pack("<HHIIHH", 0xFFFE if extensible else code, channels, rate, rate * width, width, bits)
    if extensible:
        form += struct.pack("<HHIH", 22, bits, 0, code) + SUBFORMAT
    body = b"WAVE" + before + chunk(b"fmt ", form) + chunk(b"data", write(x), size) + after
    return head + struct.pack("<I", size if size is not None else len(body)) + body


def given(
    data: bytes, monkeypatch: pytest.MonkeyPatch, audio: ReadOptions | None = None, of: Contract | None = None
) -> np.ndarray:
    """The samples that come of `data` on standard input."""
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    pieces = [cast("np.ndarray", p) for p in read_frames("-", of or contract(), audio or ReadOptions())]
    return np.concatenate(pieces)[:, 0] if pieces else np.zeros(0)


@in_one_test("coding", list(CODED))
def test_every_coding_gives_the_samples(coding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file, a WAV file in a pipe, and samples without a header."""
    path = tmp_path / f"{coding}.wav"
    for extensible in (False, True):
        path.write_bytes(wav(coding, extensible=extensible))
        from_file = np.concatenate([cast("np.ndarray", p) for p in read_frames(str(path), contract())])[:, 0]
        np.testing.assert_array_equal(from_file, X.astype(np.float32))
        np.testing.assert_array_equal(given(path.read_bytes(), monkeypatch), from_file)
    raw = CODED[coding][2](X)
    np.testing.assert_array_equal(given(raw, monkeypatch, ReadOptions(raw=coding)), from_file)
    (tmp_path / "x.pcm").write_bytes(raw)
    pieces = read_frames(str(tmp_path / "x.pcm"), contract(), ReadOptions(raw=coding))
    np.testing.assert_array_equal(np.concatenate([cast("np.ndarray", p) for p in pieces])[:, 0], from_file)


def test_eight_bits_are_unsigned(monkeypatch: pytest.MonkeyPatch) -> None:
    """128 is silence."""
    found = given(bytes([0, 64, 128, 192]), monkeypatch, ReadOptions(raw="u8"))
    np.testing.assert_array_equal(found, [-1, -0.5, 0, 0.5])


@in_one_test(
    "data",
    [
        wav(size=0xFFFFFFFF),
        wav(size=0),
        wav(size=0x7FFFF000),
        wav(size=0x80000000),
        wav(before=chunk(b"LIST", b"odd")),
        wav(after=chunk(b"LIST", b"INFOISFT" + bytes(9))),
        wav(size=0xFFFFFFFF, head=b"RF64", before=chunk(b"ds64", struct.pack("<QQQI", 0, 120, 60, 0))),
        wav(
            size=0xFFFFFFFF, head=b"RF64", before=chunk(b"ds64", struct.pack("<QQQI", 0, 120, 60, 0)), after=b"LIST..."
        ),
    ],
)
def test_headers_of_pipes_and_large_files_are_understood(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengths that nobody knew, other chunks before and after, 64-bit lengths."""
    np.testing.assert_array_equal(given(data, monkeypatch), X.astype(np.float32))


def test_several_channels_are_mixed_or_chosen_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused without a word of it; a model that takes as many features takes all."""
    both = np.stack([X, X / 2], axis=1)
    data = wav(x=both)
    np.testing.assert_allclose(given(data, monkeypatch, ReadOptions(channel="mix")), X * 0.75, atol=1e-4)
    np.testing.assert_allclose(given(data, monkeypatch, ReadOptions(channel="2")), X / 2, atol=1e-4)
    np.testing.assert_allclose(given(data, monkeypatch, of=contract(2)), X, atol=1e-4)
    with pytest.raises(InputError, match="expected 1 channel, found 2; mix them with --channel mix, or take one"):
        given(data, monkeypatch)
    with pytest.raises(InputError, match="channel: expected 1 to 2, found 3"):
        given(data, monkeypatch, ReadOptions(channel="3"))


def test_another_rate_is_told_or_resampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do; resampled, a tone is still that tone."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(48000) / 48000)
    data = wav("f32le", tone, 48000)
    with pytest.raises(InputError, match=r"expected 16000 .* found 48000; add --resample, or record it so"):
        given(data, monkeypatch)
    pytest.importorskip("soxr")
    raw = CODED["s16le"][2](tone)
    for found in (
        given(data, monkeypatch, ReadOptions(resample=True)),
        given(raw, monkeypatch, ReadOptions("s16le:48000", resample=True)),
    ):
        assert len(found) == RATE
        np.testing.assert_allclose(found[100:-100], tone[::3][100:-100], atol=1e-3)


def test_a_model_that_takes_16_bit_samples_gets_them_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the contract says so."""
    found = given(wav(), monkeypatch, of=contract(normalization=Normalization((0.0,), (32768.0,))))
    np.testing.assert_array_equal(found, X * 32768)


@in_one_test(
    ("data", "audio", "words"),
    [
        (
            wav().replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 6, 1), 1),
            {},
            r"found G.711 A-law; convert it, as",
        ),
        (wav().replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 85, 1), 1), {}, r"found MP3; convert it"),
        (wav()[:-20], {}, "standard input: cut short: 20 bytes of its samples are missing"),
        (wav()[:30], {}, "cut short: it ends before its samples"),
        (b"RIFF0123", {}, "does not begin with RIFF and WAVE"),
        (CODED["s16le"][2](X), {}, "found .*; samples of sound are read with --raw s16le"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    data: bytes, audio: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the remedy."""
    with pytest.raises(InputError, match=words):
        given(data, monkeypatch, ReadOptions(**audio))


@in_one_test("audio", [{"raw": "s17le"}, {"raw": "s16le:0"}, {"raw": "s16le:1:2:3"}, {"channel": "left"}])
def test_an_option_that_is_none_is_refused(audio: dict[str, str]) -> None:
    """Before anything is read."""
    with pytest.raises(InputError, match="expected"):
        ReadOptions(**audio)


def test_what_is_left_over_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a sample, and samples that are no whole frame."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        given(CODED["s16le"][2](X)[:-1], monkeypatch, ReadOptions(raw="s16le"), contract(8))
    assert [str(w.message).partition(": ")[2] for w in found] == [
        "the last byte is no whole sample",
        "the last 3 samples are no whole frame and are dropped",
    ]


def test_text_that_begins_like_a_wav_file_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header of a column that is called RI."""
    np.testing.assert_array_equal(given(b"RI\n0.5\n1\n", monkeypatch), [0.5, 1])


def test_a_live_pipe_gives_its_frames_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of the first line, and of the first samples, before anything else was written."""
    for first, more, audio in ((b"0.5\n", b"1\n", ReadOptions()), (b"\0\x40", b"\0\0", ReadOptions(raw="s16le"))):
        read, write = _pipe()
        with read, write:
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=read))
            write.write(first)
            write.flush()
            frames = iter(read_frames("-", contract(), audio))
            np.testing.assert_array_equal(next(frames), [[0.5]])
            write.write(more)
            write.close()
            assert len(list(frames)) == 1


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return os.fdopen(read, "rb"), os.fdopen(write, "wb")


@in_one_test(
    "coding",
    [
        "wav ULAW",
        "wav ALAW",
        "wav IMA_ADPCM",
        "aiff PCM_16",
        "au ULAW",
        "w64 FLOAT",
        "ogg OPUS",
        "ogg VORBIS",
        "mp3 MPEG_LAYER_III",
    ],
)
def test_sound_of_telephones_and_studios_is_that_of_libsndfile(coding: str, tmp_path: Path) -> None:
    """Also where the file is called .wav; a pipe takes plain samples only, and says so."""
    soundfile = pytest.importorskip("soundfile")
    ending, subtype = coding.split()
    path = tmp_path / f"x.{ending}"
    soundfile.write(path, np.sin(np.arange(9000) / 20) / 2, RATE, subtype=subtype)
    expected, _ = soundfile.read(path, dtype="float32")
    found = np.concatenate([cast("np.ndarray", p) for p in read_frames(str(path), contract())])[:, 0]
    # Its synthesis is rounded in another way from read to read.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if ending == "mp3" else 0)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=rf"x.{ending}: cut short"):
        list(read_frames(str(path), contract()))


@in_one_test("ending", ["flac", "ogg"])
def test_coded_sound_gives_its_samples(ending: str, tmp_path: Path) -> None:
    """FLAC without loss, in blocks that do not divide it; OGG nearly; a channel of two; what is damaged is named."""
    soundfile = pytest.importorskip("soundfile")
    t = np.arange(5000) / RATE
    x = np.stack([np.sin(2 * np.pi * 440 * t) / 2, np.sin(2 * np.pi * 300 * t) / 3], 1)
    path = tmp_path / f"x.{ending}"
    soundfile.write(path, x, RATE)
    pieces = [cast("np.ndarray", p) for p in read_frames(str(path), contract(), ReadOptions(channel="2"))]
    found = np.concatenate(pieces)[:, 0]
    expected = np.rint(x[:, 1] * 32768) / 32768 if ending == "flac" else x[:, 1]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.1 / 32768 if ending == "flac" else 0.02)
    with pytest.raises(InputError, match="expected 1 channel, found 2"):
        list(read_frames(str(path), contract()))
    with pytest.raises(InputError, match="expected 8000 samples per second"):
        list(read_frames(str(path), contract(rate=8000), ReadOptions(channel="mix")))
    path.write_bytes(path.read_bytes()[:30])
    with pytest.raises(InputError, match=r"x.\w+: (not sound that can be read|cut short)"):
        list(read_frames(str(path), contract()))
