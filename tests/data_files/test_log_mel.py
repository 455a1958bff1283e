"""Log-mel energies equal those of scipy's transform, in pieces as at once, and on the device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from hypothesis import given
from hypothesis import strategies as st
from in_one_test import in_one_test
from torch import Tensor, nn

from rnnedge.audio._log_mel import LogMel, LogMelFrames
from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import SequenceData, TrainerConfig, evaluate
from rnnedge_runtime import load
from rnnedge_runtime.golden import stream_all

CONFIGS = {
    "speech": LogMel(),
    "8 kHz": LogMel(sample_rate_hz=8000, window_ms=32, hop_ms=16, mels=13, low_hz=100, high_hz=3000),
    "touching windows": LogMel(sample_rate_hz=4000, window_ms=15, hop_ms=15, mels=6),
}


def oracle(samples: np.ndarray, config: LogMel) -> np.ndarray:
    """y (frames, mels), float64: scipy's short-time transform, and triangles drawn edge by edge."""
    signal = pytest.importorskip("scipy.signal")
    window, hop = (
        round(config.window_ms * config.sample_rate_hz / 1000),
        round(config.hop_ms * config.sample_rate_hz / 1000),
    )
    points = 1 << (window - 1).bit_length()
    hann = signal.get_window("hann", window)
    padded = np.concatenate([np.zeros(window - hop), samples.astype(np.float64)])
    hz, _, spectra = signal.stft(
        padded, config.sample_rate_hz, hann, window, window - hop, points, boundary=None, padded=False
    )
    power = np.abs(spectra * hann.sum()) ** 2

    def mel(f: float) -> float:
        return 2595 * np.log10(1 + f / 700)

    edges = np.linspace(mel(config.low_hz), mel(config.high_hz or config.sample_rate_hz / 2), config.mels + 2)
    filters = [
        np.interp(mel(hz), [left, middle, right], [0, 1, 0])
        for left, middle, right in zip(edges, edges[1:], edges[2:], strict=False)
    ]
    return np.log(np.array(filters) @ power + 1e-6).T


def audio(samples: int, seed: int = 0) -> np.ndarray:
    """A chirp in noise, float32 in [-1, 1]."""
    n = np.arange(samples)
    noise = np.random.default_rng(seed).standard_normal(samples)
    return (0.4 * np.sin(2e-5 * n**2) + 0.02 * noise).astype(np.float32)


@pytest.mark.parametrize("name", CONFIGS)
def test_energies_equal_those_of_scipy(name: str) -> None:
    """Frame by frame, from the first, which has zeros in front; as many frames as whole hops."""
    config = CONFIGS[name]
    for samples in (config.hop, 2 * config.hop - 1, 4321):
        x = audio(samples)
        y = LogMelFrames(config)(torch.from_numpy(x)[None, :, None])[0][0].numpy()
        assert len(y) == samples // config.hop
        np.testing.assert_allclose(y, oracle(x, config), atol=2e-4)


@given(cuts=st.lists(st.integers(0, 2000), max_size=8), name=st.sampled_from(sorted(CONFIGS)))
def test_pieces_give_what_the_whole_gives(cuts: list[int], name: str) -> None:
    """Whatever the pieces, empty ones and ones shorter than a hop too."""
    module = LogMelFrames(CONFIGS[name])
    x = torch.from_numpy(np.stack([audio(2000), audio(2000, 1)]))[..., None]
    whole, after = module(x)
    state: Tensor | None = None
    parts = []
    for piece in np.split(x.numpy(), sorted(cuts), axis=1):
        y, state = module(torch.from_numpy(piece), state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)
    assert state is not None
    torch.testing.assert_close(state, after, atol=0, rtol=0)


def test_frames_are_counted_as_they_come() -> None:
    """`output_frames` of lengths around a hop."""
    module = LogMelFrames(LogMel())
    lengths = torch.tensor([1, 159, 160, 161, 16000])
    counted = [module(torch.zeros(1, int(n), 1))[0].shape[1] for n in lengths]
    assert module.output_frames(lengths).tolist() == counted == [0, 0, 1, 1, 100]


def test_energies_of_the_training_data_are_one_wide() -> None:
    """`fitted` takes their mean and standard deviation, by numpy, off; short recordings do not count."""
    config = CONFIGS["8 kHz"]
    recordings = [audio(3000, seed)[:, None] * scale for seed, scale in enumerate((0.1, 1, 0.3))]
    every = np.concatenate([oracle(x[:, 0], config) for x in recordings])
    fitted = config.fitted([*recordings, audio(5)[:, None]])
    np.testing.assert_allclose(fitted.mean, every.mean(0), atol=1e-4)
    np.testing.assert_allclose(fitted.std, every.std(0), atol=1e-4)
    y = LogMelFrames(fitted)(torch.from_numpy(recordings[0])[None])[0][0].numpy()
    np.testing.assert_allclose(y, (oracle(recordings[0][:, 0], config) - every.mean(0)) / every.std(0), atol=1e-3)
    with pytest.raises(ValueError, match=r"expected recordings of at least 128 samples \(hop_ms\), found none"):
        config.fitted([audio(127)[:, None]])


class Recognizer(nn.Module):
    """Log-mel energies, then a recurrence."""

    def __init__(self, config: LogMel) -> None:
        super().__init__()
        self.front = LogMelFrames(config)
        self.gru = nn.GRU(config.mels, 4, batch_first=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        energies = self.front(x)[0]
        return energies, self.gru(energies)[0]


@pytest.mark.parametrize("name", ["8 kHz", "touching windows"])
def test_a_file_streams_samples_in_any_chunking(name: str, tmp_path: Path) -> None:
    """The exported energies equal scipy's and the recurrence PyTorch's, at chunks around the hop."""
    config = CONFIGS[name]
    torch.manual_seed(0)
    module = Recognizer(config).eval()
    path = tmp_path / "m.onnx"
    quickly.export(module, torch.zeros(1, 2 * config.window, 1), path, frame_rate_hz=config.sample_rate_hz)
    x = audio(3000)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)[None, :, None])[1][0].numpy()
    stream = load(path).stream()
    for chunk in (1, config.hop - 1, config.hop, config.hop + 1, 1000):
        stream.reset()
        energies, h = stream_all(stream, x[:, None], range(chunk, len(x), chunk)).values()
        np.testing.assert_allclose(energies, oracle(x, config), atol=2e-4)
        np.testing.assert_allclose(h, expected, atol=1e-5)


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_a_tone_is_loudest_in_the_filter_around_it(hz: float) -> None:
    """The centres are equally spaced in mel from `low_hz` to `high_hz`."""
    config = LogMel(mels=20)
    tone = torch.sin(2 * torch.pi * hz * torch.arange(3200) / 16000)[None, :, None]
    centres = 700 * (10 ** (np.linspace(*2595 * np.log10(1 + np.array([20, 8000]) / 700), 22) / 2595) - 1)
    loudest = int(LogMelFrames(config)(tone)[0][0, 5].argmax())
    assert centres[loudest] < hz < centres[loudest + 2]


@in_one_test(
    ("fields", "words"),
    [
        ({"mels": 0}, "mels: expected a positive number, found 0"),
        ({"sample_rate_hz": 11025, "window_ms": 25}, "window_ms: expected a whole number of samples at 11025 Hz"),
        ({"hop_ms": 30}, r"hop_ms: expected at most window_ms \(25\), found 30"),
        ({"high_hz": 9000}, r"expected 0 <= low < high <= 8000 \(half the sample rate\), found 20 and 9000"),
        ({"mean": (0.0,)}, "mean: expected 40 values, one for each filter, found 1"),
        ({"mels": 1, "mean": (0.0,)}, "mean, std: expected both or none"),
        ({"mels": 300}, r"mels: filter 2 of 300 is narrower than the 31.25 Hz between two bins"),
    ],
)
def test_a_field_out_of_range_is_named(fields: dict[str, object], words: str) -> None:
    """With what was expected and found."""
    with pytest.raises(ValueError, match=words):
        LogMel(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn_sigmoid"])
@pytest.mark.parametrize("cuts", [[], [3, 50, 127, 128, 1500], [1999]])
def test_a_network_gives_the_same_in_pieces(cell: str, cuts: list[int]) -> None:
    """Also where a piece is too short for a frame, at the beginning or later."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig(cell, 1, 5, 2, num_layers=2, front_end=(CONFIGS["8 kHz"],))).eval()
    x = torch.from_numpy(np.stack([audio(2000), audio(2000, 1)]))[..., None]
    state, parts = None, []
    with torch.no_grad():
        whole, _ = network(x)
        for piece in np.split(x.numpy(), cuts, axis=1):
            y, state = network(torch.from_numpy(piece), state)
            parts.append(y)
            state = network.kept(state, torch.tensor([True, True]))
    torch.testing.assert_close(torch.cat(parts, 1), whole, atol=1e-5, rtol=0)


def test_a_row_that_begins_anew_is_as_the_first_time() -> None:
    """After a whole number of hops, `kept` makes one row start from zeros and leaves the other."""
    torch.manual_seed(0)
    config = CONFIGS["8 kHz"]
    network = RecurrentNetwork(NetworkConfig("lstm", 1, 5, 2, front_end=(config,))).eval()
    x = torch.from_numpy(np.stack([audio(2000), audio(2000, 1)]))[..., None]
    half = 5 * config.hop
    with torch.no_grad():
        _, state = network(x[:, :half])
        y, _ = network(x[:, half:], network.kept(state, torch.tensor([True, False])))
        expected = network(x[:1])[0][:, 5:], network(x[1:, half:])[0]
    torch.testing.assert_close(y, torch.cat(expected), atol=1e-5, rtol=0)


def test_recordings_are_judged_streamed_as_they_are_whole() -> None:
    """`evaluate` takes pieces that give some frames each; the loss is that of the last frames of the whole."""
    torch.manual_seed(0)
    network = RecurrentNetwork(NetworkConfig("gru", 1, 5, 2, output="last", front_end=(CONFIGS["8 kHz"],))).eval()
    frames = tuple(audio(n, n)[:, None] for n in (130, 9000, 20000))
    found = evaluate(network, SequenceData(frames, (0, 1, 1), ("a", "b")), TrainerConfig(batch_size=3))
    with torch.no_grad():
        y = torch.cat([network(torch.from_numpy(x)[None])[0] for x in frames])
    expected = nn.functional.cross_entropy(y, torch.tensor([0, 1, 1]))
    assert found.loss == pytest.approx(float(expected), abs=1e-5)
