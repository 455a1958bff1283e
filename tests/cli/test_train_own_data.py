"""The recipes of docs/your-data.md train, export and stream as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command import Command
from own_tables import write

from rnnedge.sources import ModelSource, load_source
from rnnedge_runtime import Model, load

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "your-data.md"


def recipe(name: str, folder: Path) -> Path:
    """The TOML block of that title, as a file."""
    blocks = dict(re.findall(r'```toml title="(.*?)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL))
    path = folder / name
    path.write_text(blocks[name])
    return path


def gestures(folder: Path) -> None:
    """Waves go to and fro, circles turn; by ten people."""
    rng = np.random.default_rng(0)
    columns: dict[str, list[object]] = {name: [] for name in ("id", "person", "t", "ax", "ay", "gesture")}
    for number in range(80):
        t = np.arange(25) / 50
        phase, circle = rng.uniform(0, 6), number % 2
        ax, ay = np.sin(25 * t + phase), np.cos(25 * t + phase) if circle else 0 * t
        noise = 0.1 * rng.standard_normal((2, 25))
        columns["id"] += [number] * 25
        columns["person"] += [f"p{number // 8}"] * 25
        columns["t"] += t.tolist()
        columns["ax"] += (ax + noise[0]).tolist()
        columns["ay"] += (9.8 + ay + noise[1]).tolist()
        columns["gesture"] += ["circle" if circle else "wave"] * 25
    write(columns, folder / "gestures.csv")


def motor(folder: Path) -> None:
    """Torque is current and voltage, weighted."""
    x = np.random.default_rng(0).standard_normal((2000, 2))
    seconds = (np.arange(2000) / 1000).tolist()
    columns = {"seconds": seconds, "current": x[:, 0].tolist(), "voltage": x[:, 1].tolist()}
    write({**columns, "torque": (0.3 * x[:, 0] + 0.1 * x[:, 1]).tolist()}, folder / "motor.parquet")


def heart(folder: Path) -> None:
    """Two leads that beat."""
    n = np.arange(2000)
    np.savez(folder / "heart.npz", ecg=np.stack([np.sin(n / 9), np.cos(n / 9)], axis=1).astype(np.float32))


def trained(name: str, make: Callable[[Path], None], rnnedge: Command, folder: Path) -> dict[str, float]:
    """What training said; the run is in `folder / "run"`."""
    pytest.importorskip("pydantic")
    make(folder)
    done = rnnedge("train", recipe(name, folder), "-o", folder / "run", "--json")
    assert done.code == 0, done.err
    assert "training " in done.err and " frames; validation " in done.err
    return done.json


def exported(rnnedge: Command, folder: Path) -> Model:
    """The file that is made of the run."""
    done = rnnedge("export", folder / "run", "-o", folder / "m.onnx")
    assert done.code == 0, done.err
    return load(folder / "m.onnx")


def through(source: ModelSource, x: np.ndarray) -> np.ndarray:
    """Frames (time, feature) through the network of a run."""
    with torch.no_grad():
        return source.module(torch.from_numpy(x)[None])[0][0].numpy()


def test_a_class_per_sequence_from_csv(rnnedge: Command, tmp_path: Path) -> None:
    """The file knows labels, frame rate, columns and units."""
    found = trained("gestures.toml", gestures, rnnedge, tmp_path)
    model = exported(rnnedge, tmp_path)
    assert found["test_accuracy"] >= 0.9
    assert model.contract.labels == ("circle", "wave") and model.contract.frame_rate_hz == 50.0
    assert json.loads(model.contract.provenance["features"]) == ["ax [m/s2]", "ay [m/s2]"]
    assert model.contract.provenance["data"] == "gestures.csv (class_per_sequence)"


def test_values_per_frame_from_parquet(rnnedge: Command, tmp_path: Path) -> None:
    """Learned in their own units; the run remembers rate and columns."""
    found = trained("motor.toml", motor, rnnedge, tmp_path)
    source = load_source(str(tmp_path / "run"))
    assert source.frame_rate_hz == 1000.0 and json.loads(source.notes["targets"]) == ["torque"]
    assert through(source, np.array([[1, 0]] * 5, np.float32))[-1, 0] == pytest.approx(0.3, abs=0.1)
    assert found["test_loss"] < 0.1


def test_a_forecast_from_npz(rnnedge: Command, tmp_path: Path) -> None:
    """Nearer to what comes in four frames than what is now."""
    trained("heart.toml", heart, rnnedge, tmp_path)
    source = load_source(str(tmp_path / "run"))
    with np.load(tmp_path / "heart.npz") as file:
        ecg = file["ecg"]
    y = through(source, ecg[:-4])
    assert np.abs(y[50:] - ecg[54:]).mean() < 0.5 * np.abs(ecg[50:-4] - ecg[54:]).mean()
    assert source.notes["horizon_frames"] == "4"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('path = "gestures.csv"', "gestures.toml: data.paht: unknown key; did you mean path?"),
        ("group =", "gestures.toml: data.grup: unknown key; did you mean group?"),
        ('"class_per_sequence"', "data: task: expected one of class_per_sequence"),
    ],
)
def test_a_wrong_key_is_answered_with_the_nearest(change: str, words: str, rnnedge: Command, tmp_path: Path) -> None:
    """Before the data is read."""
    path = recipe("gestures.toml", tmp_path)
    wrong = {'path = "gestures.csv"': 'paht = "gestures.csv"', "group =": "grup =", '"class_per_sequence"': '"clas"'}
    path.write_text(path.read_text().replace(change, wrong[change], 1))
    done = rnnedge("train", path, "-o", tmp_path / "run")
    assert done.code == 6 and words in done.err


def test_a_wrong_cell_ends_the_command_with_its_place(rnnedge: Command, tmp_path: Path) -> None:
    """Code 6, one line."""
    gestures(tmp_path)
    table = tmp_path / "gestures.csv"
    table.write_text(table.read_text().replace("circle", "circle,", 1))
    done = rnnedge("train", recipe("gestures.toml", tmp_path), "-o", tmp_path / "run")
    assert done.code == 6 and f"{table}, row " in done.err and "expected 6 cells as in the header, found 7" in done.err


def words(folder: Path) -> None:
    """Gliding tones in noise."""
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    for word, glide in {"down": -1000, "level": 0, "up": 1000}.items():
        (folder / "words" / word).mkdir(parents=True)
        for i in range(40):
            t = np.linspace(0, 1, int(rng.uniform(0.3, 0.5) * 8000))
            hz = (1000 - glide / 2 + glide * t) * rng.uniform(0.9, 1.1)
            tone = rng.uniform(0.05, 0.5) * np.sin(2 * np.pi * np.cumsum(hz) / 8000)
            samples = tone + 0.01 * rng.standard_normal(len(t))
            soundfile.write(folder / "words" / word / f"{i:03d}.wav", samples, 8000, "PCM_16")


def test_words_from_wav_files(rnnedge: Command, tmp_path: Path) -> None:
    """Samples go into the file; `rnnedge run` decides a recording as it was labelled."""
    found = trained("words.toml", words, rnnedge, tmp_path)
    model = exported(rnnedge, tmp_path)
    assert found["test_accuracy"] >= 0.95
    assert model.contract.labels == ("down", "level", "up") and model.contract.frame_rate_hz == 8000
    assert model.contract.inputs[0].frame_shape == (1,)
    right = 0
    for word in model.contract.labels:
        for path in sorted((tmp_path / "words" / word).iterdir())[:5]:
            done = rnnedge("run", tmp_path / "m.onnx", path, "--json")
            assert done.code == 0, done.err
            right += int(json.loads(done.out.splitlines()[-1])["label"] == word)
    assert right >= 14


@pytest.mark.parametrize(
    ("change", "channels", "words_of_error"),
    [
        (("", ""), 2, "network.front_end.0: expected audio of one channel, found 2 features; mix it down"),
        (("sample_rate_hz = 8000\n", "sample_rate_hz = 16000\n"), 1,
         "network.front_end.0.sample_rate_hz: expected 8000, as the data have, found 16000"),
        (("mels = 20", "mels = 20\nmel = 3"), 1, "network.front_end.0.mel: unknown key; did you mean mels?"),
        (("mels = 20", "mels = 20\nhop_ms = 1000.0\nwindow_ms = 1000.0"), 1,
         "expected at least 8000 frames (the network's front end takes as many for its first), found 800"),
    ],
)  # fmt: skip
def test_a_front_end_that_does_not_fit_the_recordings_is_named(
    change: tuple[str, str], channels: int, words_of_error: str, rnnedge: Command, tmp_path: Path
) -> None:
    """Two channels, another rate, an unknown key, recordings shorter than a hop."""
    soundfile = pytest.importorskip("soundfile")
    for word in ("down", "up"):
        (tmp_path / "words" / word).mkdir(parents=True)
        for i in range(5):
            soundfile.write(tmp_path / "words" / word / f"{i}.wav", np.zeros((800, channels)), 8000)
    path = recipe("words.toml", tmp_path)
    path.write_text(path.read_text().replace(*change))
    done = rnnedge("train", path, "-o", tmp_path / "run")
    assert done.code == 6 and words_of_error in done.err
