"""Sound as recorders write it gives the same rows with `--to` as without, from a file and on standard input."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import quickly
import torch
from in_one_test import in_one_test

from rnnedge.cli import execute
from rnnedge.frames import ReadOptions
from rnnedge.live import open_source
from rnnedge.live.protocol import Packet
from rnnedge.live.sound import model_frames
from rnnedge_runtime import load
from rnnedge_runtime.errors import InputError

X = (np.random.default_rng(0).uniform(-0.9, 0.9, (400, 2)) * 128).round() / 128
# Code of the format, bits, and how numbers in [-1, 1) are written.
WRITTEN: dict[str, tuple[int, int, Callable[[np.ndarray], bytes]]] = {
    "u8": (1, 8, lambda x: (x * 128 + 128).astype(np.uint8).tobytes()),
    "s16le": (1, 16, lambda x: (x * (1 << 15)).astype("<i2").tobytes()),
    "s24le": (1, 24, lambda x: (x * (1 << 23)).astype("<i4").reshape(-1, 1).view(np.uint8)[:, :3].tobytes()),
    "s32le": (1, 32, lambda x: (x * (1 << 31)).astype("<i4").tobytes()),
    "f32le": (3, 32, lambda x: x.astype("<f4").tobytes()),
    "f64le": (3, 64, lambda x: x.astype("<f8").tobytes()),
}


def wav(coding: str, x: np.ndarray, rate: int) -> bytes:
    """A WAV file of x (time, channel)."""
    code, bits, write = WRITTEN[coding]
    width = x.shape[1] * bits // 8
    form = struct.pack("<HHIIHH", code, x.shape[1], rate, rate * width, width, bits)
    data = write(x)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def rows(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """The values that `rnnedge run` writes, of a file or of bytes on standard input."""

    def call(model: Path, data: Path | bytes, *options: str) -> list[float]:
        if isinstance(data, bytes):
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        source = "-" if isinstance(data, bytes) else str(data)
        assert execute(["run", str(model), source, "--format", "jsonl", *options]) == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        times = [row["time_s"] for row in found]
        np.testing.assert_allclose(times, np.arange(len(found)) / load(model).contract.frame_rate_hz, atol=1e-6)
        return [row["values"][0] for row in found]

    return call


@in_one_test("coding", list(WRITTEN))
def test_every_coding_and_both_channels(
    coding: str, smooth: Path, tmp_path: Path, rows: Callable[..., list[float]]
) -> None:
    """8, 16, 24 and 32 bits, floats; the mean, or one of the channels; from a file, a pipe, and without a header."""
    for channel, samples in (("mix", X.mean(axis=1)), ("2", X[:, 1])):
        want = load(smooth).run(samples[:, None].astype(np.float32))[:, 0]
        (tmp_path / "x.wav").write_bytes(wav(coding, X, 16000))
        raw = WRITTEN[coding][2](X)
        for data, options in (
            (tmp_path / "x.wav", ()),
            (wav(coding, X, 16000), ()),
            (raw, ("--raw", f"{coding}:16000:2")),
        ):
            found = rows(smooth, data, "--to", "-", "--channel", channel, *options)
            np.testing.assert_allclose(found, want, atol=1e-6)


def test_another_rate_is_brought_to_the_model_s(smooth: Path, rows: Callable[..., list[float]]) -> None:
    """As `run --resample` does it, to the bit."""
    pytest.importorskip("soxr")
    data = wav("s16le", X, 48000)
    live = rows(smooth, data, "--to", "-", "--channel", "mix")
    assert live == rows(smooth, data, "--resample", "--channel", "mix")


def test_samples_that_a_model_wants_as_int16_are_scaled(tmp_path: Path) -> None:
    """Those of a microphone, a recording, and a pipe alike."""
    path = tmp_path / "pcm.onnx"
    quickly.export(torch.nn.Linear(4, 1), torch.zeros(1, 8, 4), path, frame_rate_hz=4000.0, normalization="int16 PCM")
    contract = load(path).contract
    (tmp_path / "x.wav").write_bytes(wav("s16le", X[:, :1], 16000))
    recording = open_source(str(tmp_path / "x.wav"), contract)
    heard = SimpleNamespace(
        name="mic:", samples_hz=16000.0, live=True, packets=lambda: iter([Packet(X[:, 0].astype(np.float32), 0, 0.0)])
    )
    for source in (recording, heard):
        frames = np.concatenate([packet.frames for packet in model_frames(source, contract)])  # type: ignore[arg-type]
        np.testing.assert_array_equal(frames, (X[:, 0] * 32768).reshape(-1, 4).astype(np.float32))


def test_only_recordings_have_channels_to_choose() -> None:
    """An option that a source does not read is refused, not left unread."""
    contract = load(Path(__file__).parents[1] / "data" / "golden_gru.onnx").contract
    with pytest.raises(InputError, match="only recordings"):
        open_source("tcp://localhost:1", contract, reading=ReadOptions(channel="mix"))
