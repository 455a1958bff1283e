"""The recipes of docs/your-data.md train, export and stream as they stand there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Command
from own_tables import write

from rnnedge_runtime import Model, load

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


def trained(name: str, make: Callable[[Path], None], rnnedge: Command, folder: Path) -> tuple[dict[str, float], Model]:
    """What training said, and the exported file."""
    pytest.importorskip("pydantic")
    make(folder)
    done = rnnedge("train", recipe(name, folder), "-o", folder / "run", "--json")
    assert done.code == 0, done.err
    exported = rnnedge("export", folder / "run", "-o", folder / "m.onnx")
    assert exported.code == 0, exported.err
    return done.json, load(folder / "m.onnx")


def test_a_class_per_sequence_from_csv(rnnedge: Command, tmp_path: Path) -> None:
    """The file knows labels, frame rate, columns and units."""
    found, model = trained("gestures.toml", gestures, rnnedge, tmp_path)
    assert found["test_accuracy"] >= 0.9
    assert model.contract.labels == ("circle", "wave") and model.contract.frame_rate_hz == 50.0
    assert json.loads(model.contract.provenance["features"]) == ["ax [m/s2]", "ay [m/s2]"]
    assert model.contract.provenance["data"] == "gestures.csv (class_per_sequence)"


def test_values_per_frame_from_parquet(rnnedge: Command, tmp_path: Path) -> None:
    """Learned to a tenth of their variance, in their own units."""
    found, model = trained("motor.toml", motor, rnnedge, tmp_path)
    assert model.contract.frame_rate_hz == 1000.0
    assert json.loads(model.contract.provenance["targets"]) == ["torque"]
    x = np.array([[1.0, 0.0]] * 5, np.float32)
    y = model.stream().push(x)
    assert y[-1, 0] == pytest.approx(0.3, abs=0.1)
    assert found["test_loss"] < 0.1


def test_a_forecast_from_npz(rnnedge: Command, tmp_path: Path) -> None:
    """Nearer to what comes in four frames than what is now."""
    _, model = trained("heart.toml", heart, rnnedge, tmp_path)
    with np.load(tmp_path / "heart.npz") as file:
        ecg = file["ecg"]
    y = model.stream().push(ecg[:-4])
    assert np.abs(y[50:] - ecg[54:]).mean() < 0.5 * np.abs(ecg[50:-4] - ecg[54:]).mean()
    assert model.contract.provenance["horizon_frames"] == "4"


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
