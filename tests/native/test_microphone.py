"""A microphone in a browser: a fake one of headless Chromium, through the audio thread, at the pace of real sound."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import nn
from web_browser import posted

from rnnedge_export.codegen import build
from rnnedge_runtime import load

SCRIPTS = Path(__file__).parent / "javascript"
RATE, SECONDS, QUANTUM = 16000, 6, 128


class Listener(nn.Module):
    """Scores of windows, and the samples themselves, so that it says what it has heard."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = nn.Conv1d(1, 6, 80, stride=32)
        self.layer = nn.GRU(6, 8, batch_first=True)

    def forward(self, samples: torch.Tensor) -> dict[str, torch.Tensor]:
        """(batch, time, 1) to (batch, windows, 8) and (batch, time, 1)."""
        features = self.windows(samples.transpose(1, 2)).tanh().transpose(1, 2)
        return {"y": self.layer(features)[0], "heard": samples * 1.0}


@pytest.mark.long
def test_a_microphone_gives_what_a_stream_gives(tmp_path: Path) -> None:
    """On the very samples that the audio thread got, and hardly a quantum of them is missing."""
    pytest.importorskip("ziglang")
    torch.manual_seed(0)
    file, folder = tmp_path / "net.onnx", tmp_path / "site"
    quickly.export(Listener().eval(), torch.randn(1, 400, 1), file, form="step", frame_rate_hz=float(RATE))
    build(file.read_bytes(), "web", folder, name="net")
    for name in ("microphone.html", "microphone.mjs"):
        shutil.copyfile(SCRIPTS / name, folder / name)
    sound = _sound(tmp_path / "sound.wav")
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}")
    found = posted(folder, f"microphone.html?seconds={SECONDS}", *flags)
    assert "error" not in found, found
    heard = np.array(found["heard"], np.float32)[:, None]
    # A busy machine begins late; what it has begun, it does not lose.
    assert len(heard) > RATE * SECONDS / 3 and np.abs(heard).max() > 0.05
    expected = load(file).stream().push(heard)
    np.testing.assert_allclose(np.array(found["y"]), expected["y"].ravel()[: len(found["y"])], atol=1e-5)
    assert len(found["y"]) > 0.9 * expected["y"].size
    assert found["gaps"] < 0.01 * len(heard) / QUANTUM


def _sound(path: Path) -> Path:
    """Two seconds of a tone that rises, 48,000 samples a second; the browser repeats it."""
    time = np.arange(96000) / 48000
    samples = 0.3 * np.sin(2 * np.pi * (200 + 400 * time) * time)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path
