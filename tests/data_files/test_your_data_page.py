"""Every message that docs/your-data.md shows is what somebody with that mistake sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_tables import made, write

from rnnedge.data import DataConfig, read_data
from rnnedge_runtime import InputError

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "your-data.md"
GESTURES: dict[str, Any] = {"task": "class_per_sequence", "target": ("gesture",), "sequence": "id"}
HEART: dict[str, Any] = {"task": "forecast", "features": ("ecg",)}
WORDS: dict[str, Any] = {"task": "class_per_sequence", "frame_rate_hz": 8000.0}


def gestures(**columns: list[Any]) -> Callable[[], DataConfig]:
    """A table with some other columns."""

    def make() -> DataConfig:
        good = made().columns
        table = {"id": good["id"], "t": [i % 5 / 50 for i in range(60)], "ax": good["f0"], "gesture": good["label"]}
        write({**table, **columns}, Path("gestures.csv"))
        return DataConfig("gestures.csv", **GESTURES, time="t")

    return make


def _with(values: list[Any], row: int, value: Any) -> list[Any]:
    return [value if i == row else old for i, old in enumerate(values)]


def ragged() -> DataConfig:
    """A row with a comma too few."""
    config = gestures()()
    path = Path("gestures.csv")
    lines = path.read_text().splitlines()
    lines[30] = lines[30].rpartition(",")[0]
    path.write_text("\n".join(lines))
    return config


def misspelled() -> DataConfig:
    """A column that is not there."""
    gestures()()
    return DataConfig("gestures.csv", **{**GESTURES, "target": ("gestrue",)})


def cut_parquet() -> DataConfig:
    """Half of a file."""
    path = write({"x": list(range(100)), "y": list(range(100))}, Path("motor.parquet"))
    path.write_bytes(path.read_bytes()[:500])
    return DataConfig("motor.parquet", "values_per_frame", target=("y",))


def pickled() -> DataConfig:
    """Objects in an array."""
    np.savez("heart.npz", allow_pickle=True, ecg=np.array([object()]))
    return DataConfig("heart.npz", **HEART)


def unfinished() -> DataConfig:
    """A lead that fell off."""
    ecg = np.zeros((100, 2), np.float32)
    ecg[17, 1] = np.nan
    np.savez("heart.npz", ecg=ecg)
    return DataConfig("heart.npz", **HEART)


def words(damage: Callable[[Path], object]) -> Callable[[], DataConfig]:
    """A folder of two words, with something done to it."""

    def make() -> DataConfig:
        soundfile = pytest.importorskip("soundfile")
        for word in ("down", "up"):
            Path("words", word).mkdir(parents=True)
            for i in range(4):
                soundfile.write(Path("words", word, f"{i:03d}.wav"), np.zeros(800), 8000)
        damage(Path("words"))
        return DataConfig("words", **WORDS)

    return make


def other_rate(folder: Path) -> None:
    """A recording by another device."""
    import soundfile

    soundfile.write(folder / "up" / "002.wav", np.zeros(800), 44100)


def cut_wav(folder: Path) -> None:
    """A copy that was interrupted."""
    path = folder / "up" / "002.wav"
    path.write_bytes(path.read_bytes()[:1000])


LABELS = made().columns["label"]
MISTAKES: dict[str, Callable[[], DataConfig]] = {
    "no number": gestures(ax=_with(made().columns["f0"], 40, "9,81")),
    "missing": gestures(ax=_with(made().columns["f0"], 40, "")),
    "time": gestures(t=_with([i % 5 / 50 for i in range(60)], 7, 0.0)),
    "ragged": ragged,
    "misspelled": misspelled,
    "class changes": gestures(gesture=_with(LABELS, 3, "b")),
    "class in one part": gestures(gesture=LABELS[:-5] + ["rare"] * 5),
    "cut Parquet": cut_parquet,
    "pickled": pickled,
    "NaN in NPZ": unfinished,
    "other rate": words(other_rate),
    "cut WAV": words(cut_wav),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_page_shows_the_message(mistake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        read_data(MISTAKES[mistake]())
    assert str(error.value) in PAGE.read_text(encoding="utf-8").splitlines()
