"""`rnnedge run -o`: predictions as a NPY file, and the sound of a network of samples as a WAV file."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command import Command
from torch import nn

from rnnedge import export
from rnnedge.cli._arrays import ArrayWriter
from rnnedge.frames._audio import TimedFrames
from rnnedge_runtime import load

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


class Smoother(nn.Module):
    """Blocks of four samples in, four out: each is half of itself and of the sample before, times `gain`."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.gain = gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 4) -> (batch, time, 4)."""
        flat = x.reshape(x.shape[0], 1, -1)
        before = nn.functional.pad(flat, (1, 0))[..., :-1]
        return ((flat + before) * 0.5 * self.gain).reshape(x.shape)


class Last(nn.Module):
    """The last state of a GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, time, 4) -> (batch, 4)."""
        return self.gru(x)[0][:, -1]


@pytest.fixture(scope="module")
def smoother(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of sound at 8,000 samples per second."""
    target = tmp_path_factory.mktemp("sound") / "net.onnx"
    export(Smoother(3.0), torch.zeros(1, 20, 4), target, frame_rate_hz=2000.0)
    return target


def _write(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def test_sound_in_sound_out(smoother: Path, rnnedge: Command, tmp_path: Path) -> None:
    """16-bit samples at the rate that came in; what is beyond full scale is clipped, and said."""
    samples = (np.sin(np.arange(400) / 7) * 12000).round()
    _write(tmp_path / "in.wav", samples)
    done = rnnedge("run", smoother, tmp_path / "in.wav", "-o", tmp_path / "out.wav")
    expected = 1.5 * (samples + np.concatenate([[0], samples[:-1]]))
    beyond = int(((expected.round() < -32768) | (expected.round() > 32767)).sum())
    assert done.code == 0 and beyond and f"{beyond} samples beyond full scale, clipped" in done.err
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        found = np.frombuffer(file.readframes(401), "<i2")
    assert len(found) == 400 and np.abs(found - expected.clip(-32768, 32767)).max() <= 1


class Voices(nn.Module):
    """One voice or a stereo recording in, two out: the samples, and half of those of `delay` samples before."""

    def __init__(self, delay: int) -> None:
        super().__init__()
        self.delay = delay

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 1 or 2, time) -> (batch, 2, time)."""
        before = nn.functional.pad(x, (self.delay, 0))[..., : x.shape[-1]]
        return torch.cat([x[:, :1], before[:, -1:] / 2], 1)


@pytest.mark.parametrize(("channels", "form"), [(1, "native"), (1, "step"), (2, "native"), (2, "step")])
def test_voices_and_channels_are_channels(channels: int, form: str, rnnedge: Command, tmp_path: Path) -> None:
    """Values of a frame for every sample are no samples in a row, whichever axis time is of the file."""
    example = torch.zeros(1, channels, 60)
    export(Voices(3), example, tmp_path / "net.onnx", time_axis=2, form=form, frame_rate_hz=8000.0)
    samples = (np.random.default_rng(0).uniform(-0.9, 0.9, (400, channels)) * 32768).round()
    with wave.open(str(tmp_path / "in.wav"), "wb") as file:
        file.setparams((channels, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(samples.astype("<i2").tobytes())
    assert rnnedge("run", tmp_path / "net.onnx", tmp_path / "in.wav", "-o", tmp_path / "out.wav").code == 0
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 8000, 400)
        found = np.frombuffer(file.readframes(400), "<i2").reshape(-1, 2)
    late = np.concatenate([np.zeros(3), samples[:-3, -1]]) / 2
    np.testing.assert_allclose(found, np.stack([samples[:, 0], late], 1), atol=1)


def test_an_array_of_all_frames(smoother: Path, rnnedge: Command, tmp_path: Path) -> None:
    """(time, 4) float32, as `Model.run` gives it."""
    frames = np.random.default_rng(0).standard_normal((70, 4)).astype(np.float32)
    np.save(tmp_path / "x.npy", frames)
    assert rnnedge("run", smoother, tmp_path / "x.npy", "-o", tmp_path / "y.npy").code == 0
    found = np.load(tmp_path / "y.npy")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, load(smoother).run(frames), atol=1e-6)


def test_values_of_labels_are_probabilities(gru_file: Path, rnnedge: Command, tmp_path: Path) -> None:
    """As in a table; `--logits` leaves them."""
    frames = np.random.default_rng(1).standard_normal((10, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", frames)
    model = load(gru_file)
    for option, expected in (("--logits", model.run(frames)), ("--values", None)):
        assert rnnedge("run", gru_file, tmp_path / "x.npy", "-o", tmp_path / "y.npy", option).code == 0
        found = np.load(tmp_path / "y.npy")
        if expected is None:
            rows = rnnedge("run", gru_file, tmp_path / "x.npy", "--values").out.splitlines()[1:]
            expected = np.array([row.split(",")[4:] for row in rows], float)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_what_is_no_array_or_no_sound_is_refused(
    smoother: Path, gru_file: Path, rnnedge: Command, tmp_path: Path
) -> None:
    """Before anything is written: standard output, a live source, a rate that nobody knows, an error in the frames."""
    np.save(tmp_path / "x.npy", np.zeros((5, 4), np.float32))
    (tmp_path / "y.npy").write_bytes(b"older")
    for words, code, text in [
        (["run", smoother, tmp_path / "x.npy", "--format", "npy"], 2, "an array is written to -o FILE"),
        (["run", smoother, tmp_path / "x.npy", "-o", tmp_path / "y.npy", "--gap", "hold"], 2, "not live"),
        (["run", gru_file, tmp_path / "x.npy", "-o", tmp_path / "y.npy"], 6, "expected shape (time, 3)"),
    ]:
        done = rnnedge(*words)
        assert (done.code, text in " ".join(done.err.split())) == (code, True), done.err
    assert (tmp_path / "y.npy").read_bytes() == b"older"


def test_a_wav_file_needs_samples_and_their_rate(rnnedge: Command, tmp_path: Path) -> None:
    """A summary is no sound; neither are frames of features in two axes."""
    target = tmp_path / "last.onnx"
    export(Last(), torch.zeros(1, 20, 4), target)
    np.save(tmp_path / "x.npy", np.zeros((5, 4), np.float32))
    done = rnnedge("run", target, tmp_path / "x.npy", "-o", tmp_path / "y.wav")
    assert done.code == 6 and "a WAV file holds samples" in done.err and not (tmp_path / "y.wav").exists()
    assert rnnedge("run", target, tmp_path / "x.npy", "-o", tmp_path / "y.npy").code == 0
    assert np.load(tmp_path / "y.npy").shape == (4,)


def test_a_rate_that_no_wav_file_has_is_refused(rnnedge: Command, tmp_path: Path) -> None:
    """Less than a sample in a second; nothing is written."""
    target = tmp_path / "slow.onnx"
    export(nn.GRU(4, 1, batch_first=True), torch.zeros(1, 20, 4), target, frame_rate_hz=0.2)
    np.save(tmp_path / "x.npy", np.zeros((5, 4), np.float32))
    done = rnnedge("run", target, tmp_path / "x.npy", "-o", tmp_path / "y.wav")
    assert done.code == 6 and "'y' gives 0.2; use -o FILE.npy" in done.err and not (tmp_path / "y.wav").exists()


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    """And counts as clipped, as an infinity does."""
    contract = replace(load(GOLDEN).contract, labels=(), normalization=None)
    port = replace(contract.outputs[0], shape=("time", "batch", 1))
    contract = replace(contract, outputs=(port,), taps=())
    with (tmp_path / "spool").open("xb+") as spool, (tmp_path / "y.wav").open("xb") as target:
        writer = ArrayWriter(spool, contract)
        writer.write(np.array([[0.5], [np.nan], [np.inf], [-np.inf], [-1.0]], np.float32))
        assert writer.finish(target, "wav", TimedFrames(iter(()), 100.0)) == 3
    with wave.open(str(tmp_path / "y.wav")) as file:
        assert np.frombuffer(file.readframes(9), "<i2").tolist() == [16384, 0, 32767, -32768, -32768]
