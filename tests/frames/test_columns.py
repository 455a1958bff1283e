"""Features are taken by name from tables with other columns, and in another order."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.frames import ReadOptions, read_frames
from rnnedge.frames._columns import column_names, feature_names
from rnnedge.live.sources.lines import LineReader
from rnnedge_runtime import Contract, InputError, Port

PORT = Port("x", "float32", ("batch", "time", 2), 0, 1)
NAMES = json.dumps(["ax [m/s2]", "ay"])
X = [[1.5, 2.0], [-3.0, 0.25]]


def contract(features: str = NAMES) -> Contract:
    """Of a model that was trained on two columns."""
    return Contract((PORT,), (PORT,), (), form="native", opset=20, provenance={"features": features})


def parquet(path: Path, table: dict[str, list[object]]) -> None:
    """Written by pyarrow."""
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.table(table), path)


TEXTS = [
    "ax,ay\n1.5,2\n-3,0.25\n",
    "ay,ax\n2,1.5\n0.25,-3\n",
    "id,ay,t,ax,label\n1,2,2024-01-01T00:00,1.5,up\n1,0.25,,-3,two words\n",
    "1.5,2\n-3,0.25\n",
    '{"ay": 2, "ax": 1.5, "t": 0}\n{"ax": -3, "ay": 0.25}\n',
    "[[1.5, 2], [-3, 0.25]]\n",
    "ay;ax\n2;1.5\n0.25;-3\n",
    "1.5 2\n-3 0.25\n",
]


@in_one_test("text", TEXTS)
def test_text_gives_the_same_frames(text: str, tmp_path: Path) -> None:
    """With and without a header, in any order, with columns that are no features."""
    (tmp_path / "x.csv").write_text(text)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = np.concatenate([*read_frames(str(tmp_path / "x.csv"), contract())])
    np.testing.assert_array_equal(frames, X)
    left_out = "leaves out id, t, label" if "label" in text else ""
    assert [left_out in str(one.message) for one in told] == [True] * bool(left_out)


@in_one_test("text", TEXTS)
def test_lines_of_a_live_source_are_read_as_those_of_a_file(text: str) -> None:
    """By name, between any signs, JSON too; a first line that was cut off decides nothing."""
    for cut in ("", '7"\n', "5\n"):
        told: list[str] = []
        reader = LineReader("sensor", contract(), told.append)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            packets = list(reader.packets(io.BytesIO((cut + text).encode())))
        np.testing.assert_array_equal(np.concatenate([packet.frames for packet in packets]), X)
        assert len(told) == bool(cut) and packets[0].first == bool(cut)


@in_one_test(
    "text",
    [
        "1,5;2\n-3;0,25\n", "ay;t;ax\n2;0;1,5\n,25;0;-3,0\n", "1,5\t2\n-3\t0,25\n", "1,5 2,0\n-3 0,25\n",
        '"1,5","2"\n"-3","0,25"\n', "[1.5, 2]\n[-3, 0.25]\n",
    ],
)  # fmt: skip
def test_numbers_may_have_decimal_commas(text: str, tmp_path: Path) -> None:
    """Between semicolons, tabs, spaces, or in quotes; JSON has points always."""
    (tmp_path / "x.csv").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [*read_frames(str(tmp_path / "x.csv"), contract(), ReadOptions(decimal=","))]
        reader = LineReader("-", contract(), lambda _: None, strict=True, decimal=",")
        live = [*reader.packets(io.BytesIO(text.encode()))]
    np.testing.assert_array_equal(np.concatenate(found), X)
    np.testing.assert_array_equal(np.concatenate([packet.frames for packet in live]), X)


@in_one_test(
    ("text", "words"), [("1.5;2\n", "numbers with '.' are read with --decimal ."), ("1.234,5;2\n", "'1.234,5'")]
)
def test_a_point_is_none_in_numbers_with_decimal_commas(text: str, words: str, tmp_path: Path) -> None:
    """It would be between thousands; so nothing is read as a thousandth of what it is."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match="row 1, column 1") as error:
        list(read_frames(str(tmp_path / "x.csv"), contract(), ReadOptions(decimal=",")))
    assert words in str(error.value)


def test_a_name_that_stands_twice_in_parquet_is_refused(tmp_path: Path) -> None:
    """pyarrow writes such a file, and has no name for its columns."""
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "x.parquet"
    columns = pyarrow.Table.from_arrays([pyarrow.array([1.5])] * 2, names=["ax", "ax"])
    pytest.importorskip("pyarrow.parquet").write_table(columns, path)
    for known in (contract(), contract("[]")):
        with pytest.raises(InputError, match="column 'ax' appears twice"):
            list(read_frames(str(path), known))


def test_parquet_gives_the_same_frames(tmp_path: Path) -> None:
    """By name; without names, all columns if there are as many."""
    path = tmp_path / "x.parquet"
    parquet(path, {"ay": [2.0, 0.25], "t": [0, 1], "ax": [1.5, -3.0]})
    with pytest.warns(UserWarning, match="takes the columns ax, ay; leaves out t"):
        np.testing.assert_array_equal(np.concatenate([*read_frames(str(path), contract())]), X)
    with pytest.raises(InputError, match=r"expected 2 columns .* found 3: ay, t, ax"):
        list(read_frames(str(path), contract("[]")))
    parquet(path, {"a": [1.5, -3.0], "b": [2, None]})
    frames = np.concatenate([*read_frames(str(path), contract("[]"))])
    assert frames[0].tolist() == X[0] and np.isnan(frames[1, 1])
    parquet(path, {"a": ["x"], "b": [2]})
    with pytest.raises(InputError, match="column 'a': expected numbers, found string"):
        list(read_frames(str(path), contract("[]")))
    path.write_bytes(b"PAR1")
    with pytest.raises(InputError, match="not a Parquet file"):
        list(read_frames(str(path), contract()))


@in_one_test("features", ["", "{}", "[1, 2]", '["a"]', '["a", "a [m]"]', "[" * 100_000])
def test_names_that_name_nothing_are_none(features: str) -> None:
    """A file may say anything there."""
    assert feature_names(contract(features)) == ()


def test_pages_show_names_with_their_units() -> None:
    """As the training data had them."""
    assert column_names({"features": NAMES}, 2) == ("ax [m/s2]", "ay")
    assert column_names({"features": NAMES}, 3) == column_names({}, 2) == ()


@in_one_test(
    ("text", "words"),
    [
        ("t,a,b\n0,1,2\n", "found 3: t, a, b; keep the columns of the features"),
        ('{"a": 1, "b": 2}\n', "write an object with 'ax', 'ay'"),
        ("1|2\n", "between '|'; write commas"),
        ("1,5;2,5\n", "found '1,5'; numbers with ',' are read with --decimal ,"),
        ("1,\n", "found an empty cell; fill it, or write nan"),
        ("[\n[1, 2]\n]\n", "write a frame a line"),
    ],
)
def test_other_tables_are_told_what_to_do(text: str, words: str, tmp_path: Path) -> None:
    """In one line, with the row."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(InputError, match="row 1") as error:
        list(read_frames(str(tmp_path / "x.csv"), contract()))
    assert words in str(error.value)


@in_one_test(
    ("array", "words"),
    [
        (np.zeros((1, 3, 2), np.float32), "save one sequence of the batch, x[0]"),
        (np.zeros((2, 3), np.float32), "save x.T"),
        (np.zeros(2, np.float32), "save x[None] for one frame"),
        (np.zeros((3, 2), np.int16), "save x.astype(numpy.float32), or x / numpy.float32(32768)"),
    ],
)
def test_an_array_of_another_form_is_told_what_to_save(array: np.ndarray, words: str, tmp_path: Path) -> None:
    """Batches, turned arrays, single frames, integers."""
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError) as error:
        list(read_frames(str(tmp_path / "x.npy"), contract()))
    assert words in str(error.value)


@in_one_test(
    ("name", "words"),
    [
        ("x.m4a", "ffmpeg -i IN.m4a OUT.wav"),
        ("x.xlsx", "save the sheet as CSV"),
        ("x.mat", "numpy.save"),
        ("x.onnx", "the model comes first"),
        ("x.pcm", "--raw s16le"),
        ("folder", "rnnedge score for all of them"),
        ("*.wav", "rnnedge score for all that match"),
        ("mic", "did you mean mic:"),
        ("none.csv", "no such file; give one of .csv"),
    ],
)
def test_what_is_no_recording_is_told_what_to_give(name: str, words: str, tmp_path: Path) -> None:
    """By its ending, and where there is none."""
    (tmp_path / "folder").mkdir()
    if name.startswith("x."):
        (tmp_path / name).touch()
    place = name if name == "mic" else str(tmp_path / name)
    with pytest.raises(InputError) as error:
        list(read_frames(place, contract()))
    assert words in str(error.value)
