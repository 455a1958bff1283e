"""Keywords from WAV files to decisions on the device: read, learn on log-mel energies, export, stream the samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge.audio._log_mel import LogMel, LogMelFrames
from rnnedge.data import DataConfig, SplitConfig, read_data
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, fit
from rnnedge_runtime import load
from rnnedge_runtime.golden import stream_all

pytestmark = pytest.mark.long

RATE = 8000
CONFIG = LogMel(sample_rate_hz=RATE, mels=20, low_hz=100)
# From which frequency to which, in Hz.
WORDS = {"down": (1500, 500), "level": (900, 900), "up": (500, 1500)}


def write_keywords(folder: Path, count: int) -> None:
    """`count` files of every word: a gliding tone in noise, 0.3 to 0.5 s, at a random loudness and pitch."""
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for word, (first, last) in WORDS.items():
        (folder / word).mkdir(parents=True)
        for i in range(count):
            t = np.linspace(0, 1, int(rng.uniform(0.3, 0.5) * RATE))
            hz = (first + (last - first) * t) * rng.uniform(0.9, 1.1)
            tone = np.sin(2 * np.pi * np.cumsum(hz) / RATE + rng.uniform(0, 6))
            samples = rng.uniform(0.05, 0.5) * tone + 0.01 * rng.standard_normal(len(t))
            soundfile.write(folder / word / f"{i}.wav", samples, RATE, "PCM_16")


def energies(data: SequenceData, front: LogMelFrames) -> SequenceData:
    """What the front end makes of every recording; it does not learn, so once is enough."""
    frames = tuple(front(torch.from_numpy(x)[None])[0][0].numpy() for x in data.frames)
    return SequenceData(frames, data.targets, data.labels)


class Listener(nn.Module):
    """Samples in, a score for every word out."""

    def __init__(self, front: LogMelFrames, network: RecurrentNetwork) -> None:
        super().__init__()
        self.front, self.network = front, network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(self.front(x)[0])[0]


def test_streamed_samples_are_decided_as_pytorch_decides(tmp_path: Path) -> None:
    """The same decision for every recording, and at least 95 % of them right."""
    write_keywords(tmp_path / "words", 40)
    split = SplitConfig(validation=0.15, test=0.25)
    data = read_data(DataConfig("words", "class_per_sequence", split=split), tmp_path, least_frames=CONFIG.hop)
    assert data.frame_rate_hz == RATE and data.train.labels == tuple(WORDS)
    torch.manual_seed(0)
    front = LogMelFrames(CONFIG.fitted(data.train.frames))
    train = energies(data.train, front)
    network = RecurrentNetwork(NetworkConfig("gru", CONFIG.mels, 16, len(WORDS)))
    trainer = TrainerConfig(epochs=20, batch_size=16, learning_rate=2e-2, first_frame=15)
    fit(network, train, energies(data.validation, front), trainer)

    listener = Listener(front, network).eval()
    path = tmp_path / "words.onnx"
    quickly.export(listener, torch.zeros(1, CONFIG.window, 1), path, frame_rate_hz=RATE, labels=data.train.labels)
    stream = load(path).stream()
    rng = np.random.default_rng(1)
    right = 0
    for samples, target in zip(data.test.frames, data.test.targets, strict=True):
        stream.reset()
        cuts = np.sort(rng.integers(0, len(samples), 9))
        scores = next(iter(stream_all(stream, samples, cuts).values()))
        with torch.no_grad():
            expected = listener(torch.from_numpy(samples)[None])[0].numpy()
        np.testing.assert_allclose(scores, expected, atol=1e-4)
        assert scores[-1].argmax() == expected[-1].argmax()
        right += int(scores[-1].argmax() == target)
    assert len(data.test) == 30 and right / len(data.test) >= 0.95
