"""A folder of tables is read as one of sound is: every file a sequence, of one kind, with the columns of the first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.data import DataConfig, read_data
from rnnedge.data._read_files import read_recordings
from rnnedge.data._recording import Recordings
from rnnedge_runtime import InputError

FRAMES = np.random.default_rng(0).standard_normal((6, 20, 2)).round(3)


def table(path: Path, frames: np.ndarray, names: str = "ax,ay", cell: str = "", rate: float = 50.0) -> Path:
    """One recording as CSV, with a time column in front and, where there is a cell, one column more behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join([f"{i / rate:.4f}", *map(str, row), *([cell] if cell else [])]) for i, row in enumerate(frames)]
    path.write_text("\n".join([f"t,{names}", *rows]) + "\n")
    return path


def read(path: Path, task: str = "class_per_sequence", **fields: Any) -> Recordings:
    """The folder by a config of `fields`."""
    return read_recordings(DataConfig(str(path), task, time="t", **fields), path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two labels, three files each."""
    for i, frames in enumerate(FRAMES):
        table(tmp_path / ("down" if i < 3 else "up") / "more" / f"ann_{i}.csv", frames[: 20 - i])
    return tmp_path


def test_a_subfolder_of_tables_is_a_label(folder: Path) -> None:
    """Sequences of other lengths, the rate of the time column; hidden files and notes are left out."""
    (folder / "up" / ".DS_Store.csv").write_text("")
    (folder / "readme.md").write_text("")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "up" / "pipe.csv")
    (folder / "_old").mkdir()
    (folder / "_old" / "a.wav").write_text("")
    found = read(folder)
    assert [one.target for one in found.sequences] == ["down"] * 3 + ["up"] * 3
    assert (found.features, found.target, found.frame_rate_hz, found.format) == (("ax", "ay"), ("label",), 50.0, "csv")
    for i, one in enumerate(found.sequences):
        np.testing.assert_array_equal(one.frames, FRAMES[i, : 20 - i].astype(np.float32))
    assert {one.group for one in read(folder, group_pattern="^(.+?)_").sequences} == {"ann"}
    data = read_data(DataConfig(str(folder), "class_per_sequence", time="t"))
    assert data.train.labels == ("down", "up") and data.schema.format == "csv"


def test_labels_come_from_a_list_or_from_a_column(tmp_path: Path) -> None:
    """`labels.csv` with groups; a column of the tables themselves; columns are taken by their names."""
    for i, frames in enumerate(FRAMES):
        turned = frames[:, ::-1] if i == 4 else frames
        table(tmp_path / f"{i}.csv", turned, "ay,ax,kind" if i == 4 else "ax,ay,kind", "ab"[i % 2])
    found = read(tmp_path, target=("kind",))
    assert [one.target for one in found.sequences] == list("ababab") and found.features == ("ax", "ay")
    np.testing.assert_array_equal(found.sequences[4].frames, FRAMES[4].astype(np.float32))
    lines = ["file,word,person", *(f"{i}.csv,{'xy'[i // 3]},p{i % 2}" for i in (5, 0, 3))]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    listed = read(tmp_path, target=("word",), group="person", features=("ax",))
    assert [(one.target, one.group) for one in listed.sequences] == [("y", "p1"), ("x", "p0"), ("y", "p1")]
    np.testing.assert_array_equal(listed.sequences[1].frames, FRAMES[0, :, :1].astype(np.float32))


@pytest.mark.parametrize(
    ("task", "fields", "target"),
    [
        ("class_per_frame", {"target": ("kind",)}, ["a"] * 20),
        ("values_per_frame", {"target": ("ay",), "features": ("ax",)}, FRAMES[0, :, 1:].astype(np.float32)),
        ("forecast", {"features": ("ax", "ay")}, FRAMES[0].astype(np.float32)),
    ],
)
def test_a_file_is_a_sequence_for_every_task(task: str, fields: dict[str, Any], target: Any, tmp_path: Path) -> None:
    """No subfolder is needed where no label is asked for."""
    for i, frames in enumerate(FRAMES):
        table(tmp_path / f"{i}.csv", frames, "ax,ay,kind", "ab"[i % 2])
    found = read(tmp_path, task, **fields)
    assert len(found.sequences) == 6
    np.testing.assert_array_equal(found.sequences[0].target, target)


def test_tables_of_other_formats_lie_in_folders_too(tmp_path: Path) -> None:
    """NPZ, one sequence a file."""
    for i, frames in enumerate(FRAMES):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        np.savez(tmp_path / "ab"[i % 2] / f"{i}.npz", x=frames)
    found = read_recordings(DataConfig(str(tmp_path), "class_per_sequence"), tmp_path)
    assert (found.features, found.format, len(found.sequences)) == (("x[0]", "x[1]"), "npz", 6)


@in_one_test(
    ("names", "rate", "words"),
    [
        ("ax,az", 50.0, r"z.csv: expected the columns t, ax, ay as in .*ann_0.csv, found t, ax, az"),
        ("ax,ay", 100.0, r"z.csv: expected 50 frames per second as in .*ann_0.csv, found 100; resample it"),
    ],
)
def test_a_file_unlike_the_first_is_named(names: str, rate: float, words: str, folder: Path) -> None:
    """By what it has, and what it should."""
    table(folder / "up" / "z.csv", FRAMES[0], names, rate=rate)
    with pytest.raises(InputError, match=words):
        read(folder)


def test_a_folder_of_several_kinds_is_asked_about(folder: Path) -> None:
    """`format` says which; an empty one, and one whose files have no label, are named."""
    np.savez(folder / "up" / "a.npz", x=FRAMES[0])
    with pytest.raises(InputError, match="expected files of one kind, found csv, npz; say which by format"):
        read(folder)
    assert len(read(folder, format="csv").sequences) == 6
    (folder / "left").mkdir()
    with pytest.raises(InputError, match="left: expected CSV files of the label 'left', found none"):
        read(folder, format="csv")
    with pytest.raises(InputError, match="expected WAV, CSV, Parquet or NPZ files in the folder, found none"):
        read(folder / "left")
    with pytest.raises(InputError, match="expected WAV files in the folder, found none"):
        read_recordings(DataConfig(str(folder), "class_per_sequence", format="wav"), folder)


@pytest.mark.parametrize("how", ["dot", "up", "link", "hard link"])
@pytest.mark.parametrize("listed", [True, False])
def test_one_file_by_two_names_is_refused(how: str, listed: bool, folder: Path) -> None:
    """It would be in the training and in the test."""
    names = {"dot": "./down/more/ann_0.csv", "up": f"../{folder.name}/down/more/ann_0.csv"}
    if how == "link":
        (folder / "up" / "again.csv").symlink_to(folder / "down" / "more" / "ann_0.csv")
    if how == "hard link":
        os.link(folder / "down" / "more" / "ann_0.csv", folder / "up" / "again.csv")
    if listed:
        again = names.get(how, "up/again.csv")
        (folder / "labels.csv").write_text(f"file,label\ndown/more/ann_0.csv,a\nup/more/ann_3.csv,b\n{again},b\n")
    elif how in names:
        pytest.skip("only a list has such names")
    with pytest.raises(InputError, match=r"is the same file as .*ann_0\.csv; leave one out"):
        read(folder)


def test_a_listed_name_that_no_system_takes_is_named(folder: Path) -> None:
    """As one that is not there."""
    for name in ("a" * 5000 + ".csv", "a/" * 3000 + "b.csv"):
        (folder / "labels.csv").write_text(f"file,label\n{name},a\n")
        with pytest.raises(InputError, match=r"labels.csv, row 2, column 'file': no such file"):
            read(folder)


def test_flac_is_sound(tmp_path: Path) -> None:
    """Without loss; a file of the name that is none is named."""
    import soundfile

    samples = np.round(FRAMES[0, :, 0] * 1000).astype(np.int16)
    for label in "ab":
        (tmp_path / label).mkdir()
        soundfile.write(tmp_path / label / "a.flac", samples, 8000)
    found = read_recordings(DataConfig(str(tmp_path), "class_per_sequence"), tmp_path)
    np.testing.assert_array_equal(found.sequences[0].frames[:, 0], (samples / 32768).astype(np.float32))
    assert (found.frame_rate_hz, found.format) == (8000.0, "wav")
    (tmp_path / "a" / "a.flac").write_bytes(b"ID3")
    with pytest.raises(InputError, match=r"a.flac: not a WAV file that can be read"):
        read_recordings(DataConfig(str(tmp_path), "class_per_sequence"), tmp_path)


@pytest.mark.parametrize("large", [False, True])
def test_numbers_with_commas(large: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between semicolons; a point in such a number is an error, never a thousand or a thousandth."""
    monkeypatch.setattr("rnnedge.data._csv_large._LARGE_BYTES", 0 if large else 1 << 30)
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1,5;-2\n,25;3e2\n")
    config = DataConfig(str(path), "forecast", decimal=",")
    np.testing.assert_array_equal(read_recordings(config, path).sequences[0].frames, [[1.5, -2], [0.25, 300]])
    path.write_text("a;b\n1,5;-2\n1.500;3\n")
    with pytest.raises(InputError, match=r"row 3, column 'a': expected a number, found '1.500'; .*decimal = '.'"):
        read_recordings(config, path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a;b\n1;1,5\n", r"column 'b': .*found '1,5'; .* decimal = ','"),
     ("a;b\n2026-01-31T10:00:00Z;1\n", "column 'a': .*; name the column by time, with time_unit = \"iso\"")],
)  # fmt: skip
def test_a_cell_that_is_no_number_has_a_remedy(text: str, words: str, tmp_path: Path) -> None:
    """Commas in numbers, and dates."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_recordings(DataConfig(str(path), "forecast", delimiter=";"), path)
