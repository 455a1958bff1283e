"""Folders of WAV files are read with their labels; nothing is resampled, nothing damaged is let through."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.data import DataConfig, read_data
from rnnedge.data._recording import Recordings
from rnnedge.data._sound_folder import read_sound_folder, read_wav
from rnnedge_runtime import InputError


def write(path: Path, samples: np.ndarray, rate: int = 8000, channels: int = 1) -> Path:
    """16 bits, by the standard library."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, "<i2").tobytes())
    return path


def noise(seed: int = 0, frames: int = 50) -> np.ndarray:
    """Samples of 16 bits."""
    return np.random.default_rng(seed).integers(-32768, 32768, frames)


def folder_of(path: Path, count: int = 4) -> Path:
    """Two labels, `count` files each, by three speakers."""
    for label in ("no", "yes"):
        for i in range(count):
            write(path / label / f"speaker{i % 3}_{i}.wav", noise(i))
    return path


def read(path: Path, **fields: Any) -> Recordings:
    """The folder by a config of `fields`."""
    return read_sound_folder(DataConfig(str(path), "class_per_sequence", **fields), path)


def test_samples_read_back_equal(tmp_path: Path) -> None:
    """16 bits as multiples of 1 / 32768, float32 (time, channel)."""
    samples, rate = read_wav(write(tmp_path / "a.wav", noise(), channels=2))
    assert rate == 8000 and samples.dtype == np.float32
    np.testing.assert_array_equal(samples, (noise() / 32768).reshape(-1, 2).astype(np.float32))


def test_a_subfolder_is_a_label(tmp_path: Path) -> None:
    """Background noise and hidden files are left out; the frame rate is the sample rate."""
    folder = folder_of(tmp_path)
    write(folder / "_background_noise_" / "a.wav", noise(), 44100)
    (folder / ".DS_Store").write_text("")
    (folder / "no" / "._speaker0_0.wav").write_text("")
    found = read(folder)
    assert [s.target for s in found.sequences] == ["no"] * 4 + ["yes"] * 4
    assert found.frame_rate_hz == 8000 and found.features == ("channel 1",)
    data = read_data(DataConfig(str(folder), "class_per_sequence"))
    assert data.train.labels == ("no", "yes") and data.train.features == 1


def test_labels_come_from_a_table_too(tmp_path: Path) -> None:
    """With speakers, none of which is in two parts."""
    lines = ["file,word,speaker"]
    for i in range(18):
        write(tmp_path / f"{i}.wav", noise(i))
        lines.append(f"{i}.wav,{'ab'[i % 2]},s{i // 6}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    found = read(tmp_path, target=("word",), group="speaker")
    assert [(s.target, s.group) for s in found.sequences[5:8]] == [("b", "s0"), ("a", "s1"), ("b", "s1")]
    config = DataConfig(str(tmp_path), "class_per_sequence", target=("word",), group="speaker")
    assert [len(p) for p in (read_data(config).train, read_data(config).validation)] == [6, 6]


def test_groups_come_from_names(tmp_path: Path) -> None:
    """By the first group of a pattern; a name that it does not match is named."""
    folder = folder_of(tmp_path)
    assert {s.group for s in read(folder, group_pattern=r"^(\w+?)_").sequences} == {"speaker0", "speaker1", "speaker2"}
    with pytest.raises(
        InputError, match=r"speaker0_0.wav: expected a name that group_pattern '\^x\(.\)' finds a group"
    ):
        read(folder, group_pattern="^x(.)")


def test_another_rate_is_refused_not_resampled(tmp_path: Path) -> None:
    """The file, what was expected, and why, what was found."""
    folder = folder_of(tmp_path)
    write(folder / "yes" / "z.wav", noise(), 16000)
    with pytest.raises(
        InputError, match=r"z.wav: expected 8000 samples per second \(as .*0.wav says\), found 16000; res"
    ):
        read(folder)
    with pytest.raises(
        InputError, match=r"0.wav: expected 16000 samples per second \(as frame_rate_hz says\), found 8000"
    ):
        read(folder, frame_rate_hz=16000)


def test_another_number_of_channels_is_refused(tmp_path: Path) -> None:
    """With the file that it should be like."""
    folder = folder_of(tmp_path)
    write(folder / "yes" / "z.wav", noise(), channels=2)
    with pytest.raises(InputError, match=r"z.wav: expected 1 channels as in .*0.wav, found 2"):
        read(folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,lable\na.wav,x\n", "expected a column 'label', found none of that name; did you mean 'lable'"),
        ("file,label\nb.wav,x\n", r"labels.csv, row 2, column 'file': no such file '.*b.wav'"),
        ("file,label\na.wav,x\na.wav,y\n", "row 3, column 'file': 'a.wav' appears twice"),
        ("file,label\na.wav,\n", "row 2, column 'label': expected text, found an empty cell"),
    ],
)
def test_a_wrong_table_of_labels_is_named(text: str, words: str, tmp_path: Path) -> None:
    """By row and column."""
    write(tmp_path / "a.wav", noise())
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read(tmp_path)


@in_one_test(
    ("damage", "words"),
    [
        (lambda data: data[:60], "cut short: expected 144 bytes, found 60; copy it again"),
        (lambda _: b"", "it does not begin with RIFF and WAVE"),
        (lambda data: b"ID3" + data, "it does not begin with RIFF and WAVE"),
        (lambda data: data[:20] + b"\x99\x99" + data[22:], "not a WAV file that can be read"),
        (lambda data: data[:40] + bytes(4), "expected samples, found none"),
    ],
)
def test_a_damaged_file_is_named(damage: Any, words: str, tmp_path: Path) -> None:
    """Cut, empty, of another kind, of an unknown coding, without samples."""
    path = write(tmp_path / "a.wav", noise())
    data = bytearray(damage(path.read_bytes()))
    if len(data) == 44:
        data[4:8] = (36).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_wav(path)


@pytest.mark.filterwarnings("ignore:.*bytes after the samples")
def test_a_damaged_byte_never_brings_a_foreign_error(tmp_path: Path) -> None:
    """Every byte of the header, every bit."""
    path = write(tmp_path / "a.wav", noise())
    whole = path.read_bytes()
    refused = 0
    for place in range(44):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            try:
                read_wav(path)
            except InputError:
                refused += 1
    assert refused > 50


def test_a_number_that_is_not_finite_is_named(tmp_path: Path) -> None:
    """WAV files of floats hold such."""
    soundfile = pytest.importorskip("soundfile")
    samples = np.zeros((9, 2), np.float32)
    samples[4, 1] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 8000, "FLOAT")
    with pytest.raises(InputError, match=r"a.wav, sample 4, channel 2: expected a finite number, found nan"):
        read_wav(tmp_path / "a.wav")


def test_a_folder_without_wav_files_is_named(tmp_path: Path) -> None:
    """Nothing in it, or nothing in the folder of a label."""
    with pytest.raises(InputError, match=r"expected a subfolder of WAV files for every label, or labels.csv"):
        read(tmp_path)
    (tmp_path / "no").mkdir()
    with pytest.raises(InputError, match="no: expected WAV files of the label 'no', found none"):
        read(tmp_path)
