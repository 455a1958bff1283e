"""Tables read back as they were written, and a wrong cell is named where it stands."""

from __future__ import annotations

import math
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test
from own_tables import FORMATS, Made, made, write

from rnnedge.data import DataConfig
from rnnedge.data import _csv_large as csv_large
from rnnedge.data._read import read_recordings
from rnnedge.data._recording import Recordings
from rnnedge.data._table import Roles
from rnnedge_runtime import InputError

# No lone surrogates, no control characters, no space at an end: readers strip it. NPZ names become file names in an
# archive, so no slash.
_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\"),
    min_size=1,
    max_size=5,
)
# A run of a file may have set the processor to flush subnormal numbers, and hypothesis wants to know.
_NUMBER = st.floats(width=32, allow_nan=False, allow_infinity=False, allow_subnormal=False)


def read(path: Path, **fields: Any) -> Recordings:
    """Everything in the file, one class for every frame."""
    options: dict[str, Any] = {"task": "class_per_frame", "target": ("label",), "sequence": "id", **fields}
    return read_recordings(DataConfig(str(path), **options), path)


@st.composite
def _tables(draw: st.DrawFn) -> Made:
    names = draw(
        st.lists(_TEXT.filter(lambda n: n not in ("id", "label", "file")), min_size=1, max_size=4, unique=True)
    )
    rows = draw(st.integers(1, 12))
    x = draw(st.lists(st.lists(_NUMBER, min_size=len(names), max_size=len(names)), min_size=rows, max_size=rows))
    ids = draw(st.lists(_TEXT, min_size=rows, max_size=rows))
    labels = draw(st.lists(_TEXT, min_size=rows, max_size=rows))
    return Made(tuple(names), np.array(x), tuple(ids), tuple(labels))


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=_tables())
def test_a_table_reads_back_equal(ending: str, table: Made) -> None:
    """Rows of one id are one sequence, in the file's order, equal to the bit; ids in the order of their first row."""
    with tempfile.TemporaryDirectory() as folder:
        found = read(write(table.columns, Path(folder) / f"t.{ending}"))
    assert found.features == table.names and found.target == ("label",)
    expected = [[i for i, other in enumerate(table.ids) if other == own] for own in dict.fromkeys(table.ids)]
    assert len(found.sequences) == len(expected)
    for sequence, rows in zip(found.sequences, expected, strict=True):
        np.testing.assert_array_equal(sequence.frames, table.x[rows].astype(np.float32))
        assert sequence.frames.dtype == np.float32
        assert list(sequence.target) == [table.labels[row] for row in rows]


_WRONG = {
    "csv": (math.nan, math.inf, -math.inf, "", "three", "1_000", "1,5"),
    "parquet": (math.nan, math.inf, None),
    "npz": (math.nan, -math.inf),
}


@pytest.mark.parametrize("ending", FORMATS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=_tables(), data=st.data())
def test_a_corrupted_cell_is_found_in_its_place(ending: str, table: Made, data: st.DataObject) -> None:
    """The row as an editor shows it, or numpy's own index, and the column's name."""
    row = data.draw(st.integers(0, len(table.x) - 1))
    name = data.draw(st.sampled_from(table.names))
    columns = table.columns
    columns[name][row] = data.draw(st.sampled_from(_WRONG[ending]))
    with tempfile.TemporaryDirectory() as folder:
        path = write(columns, Path(folder) / f"t.{ending}")
        with pytest.raises(InputError) as error:
            read(path)
    places = {
        "csv": f"row {row + 2}, column {name!r}",
        "parquet": f"row {row + 1}, column {name!r}",
        "npz": f"{name}[{row}]",
    }
    message = str(error.value)
    assert message.startswith(f"{path}, {places[ending]}: expected a ") and "\n" not in message


def test_columns_whose_names_begin_alike_are_kept_apart(tmp_path: Path) -> None:
    """A dot in a name is no path into a nested column."""
    path = write({"a": [1.0], "a.b": [2.0], "id": ["s"], "label": ["x"]}, tmp_path / "t.parquet")
    assert read(path, features=("a",)).sequences[0].frames.tolist() == [[1.0]]
    assert read(path, features=("a.b",)).sequences[0].frames.tolist() == [[2.0]]


def test_rows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    """Lines left empty and line breaks within quotes count; a byte order mark and CRLF do not matter."""
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfid,a,label\r\ns,1,"two\r\nlines"\r\n\r\ns,2,x\r\ns,?,x\r\n')
    with pytest.raises(InputError, match=r"t.csv, row 6, column 'a': expected a number, found '\?'"):
        read(path)
    path.write_bytes(path.read_bytes().replace(b"?", b" 3 "))
    assert read(path).sequences[0].frames.tolist() == [[1.0], [2.0], [3.0]]


@in_one_test(
    ("text", "words"),
    [
        ("", "expected a header and rows of cells, found an empty file"),
        ("id,a,label\n", "expected rows below the header, found none"),
        ("1,2,3\n4,5,6\n", "row 1: expected the names of the columns, found numbers; add a header"),
        ("id,a,a,label\ns,1,2,x\n", "row 1: column 'a' appears twice; rename one"),
        ("id;a;label\ns;1;x\n", "row 1: expected names between ','; set delimiter = ';'"),
        ("id,A ,label\ns,1,x\n", "expected a column 'a', found none of that name; did you mean 'A'?"),
        ("id,q,label\ns,1,x\n", "expected a column 'a', found none of that name; it has 'id', 'q', 'label'"),
        ("id,a,label\ns,1,x\ns,2\n", "row 3: expected 3 cells as in the header, found 2"),
        ("id,a,label\ns,1,x,\n", "row 2: expected 3 cells as in the header, found 4"),
        ('id,a,label\ns,1,"x\n', "row 2: not a row of cells (unexpected end of data); look for a lone quote"),
        ("id,a,label\ns,1,x\n,2,x\n", "row 3, column 'id': expected text, found an empty cell"),
        ("id,a,label\ns,1,x\ns,2,\n", "row 3, column 'label': expected a class, found an empty cell"),
        ("id,a,label\ns,1e39,x\n", "row 2, column 'a': expected a number that float32 holds, found 1e+39"),
    ],
)
def test_a_csv_file_that_is_wrong_is_named(text: str, words: str, tmp_path: Path) -> None:
    """One line with file, row, and what was expected and found."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read(path, features=("a",))
    assert str(error.value).startswith(f"{path}") and words in str(error.value) and "\n" not in str(error.value)


def test_bytes_that_are_not_utf_8_are_named(tmp_path: Path) -> None:
    """By their row."""
    path = tmp_path / "t.csv"
    path.write_bytes("id,a,label\ns,1,x\ns,2,é\n".encode("latin-1"))
    with pytest.raises(InputError, match="row 3: expected text in UTF-8, found other bytes"):
        read(path)


def test_a_column_without_a_name_is_no_feature(tmp_path: Path) -> None:
    """As pandas writes its index; listed features leave it out."""
    path = tmp_path / "t.csv"
    path.write_text(",id,a,label\n0,s,1,x\n")
    with pytest.raises(InputError, match="column 1: it has no name; name it, or list the features"):
        read(path)
    assert read(path, features=("a",)).sequences[0].frames.tolist() == [[1.0]]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_damaged_file_is_an_input_error(ending: str, tmp_path: Path) -> None:
    """Cut anywhere, or with a flipped byte: read as it was, or refused in one line; nothing foreign comes out."""
    path = write(made().columns, tmp_path / f"t.{ending}")
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        if rng.integers(2):
            damaged = damaged[: rng.integers(len(damaged))]
        else:
            damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        message = ""
        try:
            read(path)
        except InputError as error:
            message = str(error)
            refused += 1
        assert not message or (str(path) in message and "\n" not in message)
    assert refused > 15


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    """For every format."""
    for ending in FORMATS:
        path = tmp_path / f"t.{ending}"
        with pytest.raises(InputError, match="no such file or folder"):
            read(path)
        path.mkdir()
        with pytest.raises(InputError, match="files in the folder, found none"):
            read(path)


def test_types_of_parquet_have_roles(tmp_path: Path) -> None:
    """Whole numbers, decimals and truth are numbers; text is none; whole numbers are classes and ids too."""
    from decimal import Decimal

    columns = {"i": [1, 2], "d": [Decimal("1.5"), Decimal("2.5")], "b": [True, False], "t": ["x", "y"], "id": [7, 7]}
    path = write(columns, tmp_path / "t.parquet")
    found = read(path, features=("i", "d", "b"), target=("id",), sequence="")
    assert found.sequences[0].frames.tolist() == [[1.0, 1.5, 1.0], [2.0, 2.5, 0.0]]
    assert list(found.sequences[0].target) == ["7", "7"]
    with pytest.raises(InputError, match="column 't': expected numbers, found string"):
        read(path, features=("t",), target=("id",), sequence="")


@in_one_test("ending", ["parquet", "npz"])
@in_one_test("unit", ["s", "ms", "iso"])
def test_times_that_have_a_type_need_no_unit(ending: str, unit: str, tmp_path: Path) -> None:
    """Timestamps, with a time zone or without, give their own rate."""
    start = datetime(2026, 1, 31, 23, 59, 59, 980000, timezone.utc if ending == "parquet" else None)
    times = [start + timedelta(milliseconds=20 * i) for i in range(5)]
    columns: dict[str, Any] = {"x": [1.0] * 5, "label": ["a"] * 5, "t": times}
    if ending == "npz":
        columns["t"] = np.array(times, "M8[us]")
    path = write(columns, tmp_path / f"t.{ending}")
    if (ending, unit) == ("npz", "iso"):
        with pytest.raises(InputError, match=r"t: expected text or whole numbers, found datetime64\[us\]"):
            read(path, sequence="", time="t", time_unit=unit)
    else:
        assert read(path, sequence="", time="t", time_unit=unit).frame_rate_hz == 50.0


def test_arrays_of_sequences_are_read_whole(tmp_path: Path) -> None:
    """(sequence, time, width) with a class for each sequence; a wrong number is named by numpy's index."""
    x = np.random.default_rng(0).standard_normal((4, 5, 3)).astype(np.float32)
    path = write({"x": x, "y": np.array([0, 1, 0, 1])}, tmp_path / "t.npz")
    options = {"task": "class_per_sequence", "features": ("x",), "target": ("y",), "sequence": ""}
    found = read(path, **options)
    assert found.features == ("x[0]", "x[1]", "x[2]")
    assert [s.target for s in found.sequences] == ["0", "1", "0", "1"]
    np.testing.assert_array_equal(np.stack([s.frames for s in found.sequences]), x)
    x[2, 4, 1] = np.nan
    write({"x": x, "y": np.array([0, 1, 0, 1])}, path)
    with pytest.raises(InputError, match=r"t.npz, x\[2, 4, 1\]: expected a finite number, found no number"):
        read(path, **options)


@in_one_test(
    ("arrays", "words"),
    [
        ({"x": np.array([object()]), "y": np.zeros(1, int)}, "x: expected numbers or text, found pickled objects"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(2, int)}, r"y: expected shape \(3, ...\), found \(2,\)"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(3)}, r"y: expected text or whole numbers, found float64 \(3,\)"),
        ({"x": np.array(["a"]), "y": np.zeros(1, int)}, "x: expected numbers, found <U1"),
        ({"x": np.zeros((0, 2)), "y": np.zeros(0, int)}, r"expected rows, found the array 'x' of shape \(0, 2\)"),
        ({"x": np.zeros(()), "y": np.zeros(1, int)}, "x: expected an array, found a single value"),
    ],
)
def test_an_array_of_another_kind_is_named(arrays: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    """Its shape or dtype; pickled objects are never loaded."""
    path = tmp_path / "t.npz"
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(InputError, match=words):
        read(path, features=("x",), target=("y",), sequence="")


@st.composite
def _lines(draw: st.DrawFn) -> str:
    """A file with cells that readers may read differently."""
    number = st.sampled_from(
        ["1", "-2.5", "1e3", " 7", "", "nan", "inf", "1_0", "x", "0x1", "+3", ".5", "1e999", "1,2"]
    )
    text = st.sampled_from(["a", " b ", "", "NULL", "é", '"q"', "a b"])
    rows = draw(st.lists(st.tuples(text, number, number, text), min_size=1, max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    blank = draw(st.integers(0, 8))
    lines = ["id,x, y ,label", *(",".join(row) for row in rows)]
    return end.join([*lines[:blank], "", *lines[blank:]] if blank < 8 else lines) + draw(st.sampled_from(["", end]))


@settings(max_examples=150)
@given(text=_lines())
def test_large_files_are_read_as_small_ones(text: str) -> None:
    """By the fast reader with the same values and the same messages."""
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "t.csv"
        path.write_text(text, newline="")
        for size in (0, 1 << 40):
            patch.setattr(csv_large, "_LARGE_BYTES", size)
            try:
                outcomes.append([(s.name, s.frames.tolist(), list(s.target)) for s in read(path).sequences])
            except InputError as error:
                outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_the_fast_reader_reads_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves one with quotes alone."""
    monkeypatch.setattr(csv_large, "_LARGE_BYTES", 0)
    path = write(made().columns, tmp_path / "t.csv")
    roles = Roles(("f0",), ("label",), ("f0",), ("label",))
    names = ("id", "f0", "f1", "label")
    table = csv_large.read_large_csv(path, roles, names, ",")
    assert table is not None and table.rows == 60 and table.place("f0", 0) == f"{path}, row 2, column 'f0'"
    path.write_text(path.read_text().replace("s0", '"s0"'))
    assert csv_large.read_large_csv(path, roles, names, ",") is None
