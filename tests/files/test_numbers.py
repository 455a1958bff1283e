"""What is a number, and which line is a header: the same for a stream of frames, a table, and a large table."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.data import _csv_large as csv_large
from rnnedge.data._csv_table import read_csv
from rnnedge.data._table import Roles
from rnnedge.files.numbers import is_header, is_number
from rnnedge.frames._text_lines import read_lines
from rnnedge_runtime import Contract, InputError, Port

NUMBERS = ["1", "-1", "+1", " 1 ", "1.", ".5", "1e5", "1E-5", "-.5e+3", "nan", "NaN", "-inf", "Infinity", "007"]
NO_NUMBERS = [
    "1_0", "0x10", "0b1", "1,5", "1.0f", "1d5", "1e", "e5", "--1", "+", ".", "1 000", "1 2", "1;2", "1\t2", "1%", "$1",
    "\u0661", "\uff11", "\u00b2", "1\u00a0", "\ufeff1", "nan(1)", "1j", "True", "NA", "null", "\u221e", "12:30", "1/2",
]  # fmt: skip


def contract(width: int) -> Contract:
    """Frames of so many numbers."""
    return Contract((Port("x", "float32", ("batch", "time", width), 0, 1),), (), (), form="native", opset=20)


def streamed(text: str, width: int = 1) -> list[list[float]]:
    """The frames in some text."""
    parts = list(read_lines(io.StringIO(text, newline=""), "t", contract(width), 1))
    return [] if not parts else np.concatenate(parts).tolist()


def in_table(text: str, folder: Path) -> list[float]:
    """The only column of a table."""
    path = folder / "t.csv"
    path.write_text(text, encoding="utf-8")
    return read_csv(path, Roles(("x",), (), ("x",), ())).columns["x"].values[:, 0].tolist()


@in_one_test("text", NUMBERS)
def test_a_number_is_one_for_every_reader(text: str, tmp_path: Path) -> None:
    """With a sign, a point, an exponent, spaces around it, and the words for what is not finite."""
    assert is_number(text)
    np.testing.assert_array_equal(streamed(f"x\n{text}\n"), [[np.float32(float(text))]])
    np.testing.assert_array_equal(in_table(f"x\n{text}\n", tmp_path), [float(text)])


@in_one_test("text", NO_NUMBERS)
def test_what_is_none_is_none_for_every_reader(text: str, tmp_path: Path) -> None:
    """Underscores, other bases, units, commas, other scripts: named with row and column, in quotes too."""
    assert not is_number(text)
    with pytest.raises(InputError, match="row 2, column 1: expected a number"):
        streamed(f'1\n"{text}"\n')
    with pytest.raises(InputError, match="row 3, column 'x': expected a number"):
        in_table(f'x\n1\n"{text}"\n', tmp_path)


@in_one_test("text", [*NUMBERS, *(t for t in NO_NUMBERS if not set(t) & set(',;\t"'))])
def test_a_large_table_is_read_by_the_same_rule(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pyarrow reads otherwise is not left to it."""
    pytest.importorskip("pyarrow")
    rows = f"x\n1\n{text}\n2\n"
    outcomes = []
    for size in (1, 1 << 40):
        monkeypatch.setattr(csv_large, "_LARGE_BYTES", size)
        try:
            outcomes.append(str(in_table(rows, tmp_path)))
        except InputError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


def test_a_large_table_begins_below_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty first line, with or without a byte order mark, makes no row of the names."""
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(csv_large, "_LARGE_BYTES", 1)
    path = tmp_path / "t.csv"
    for mark in (b"", b"\xef\xbb\xbf"):
        for empty in (b"", b"\n", b"\r\n"):
            path.write_bytes(mark + empty + b"word\na\nb\n")
            assert read_csv(path, Roles((), (), (), ("word",))).columns["word"].values.tolist() == ["a", "b"]


@in_one_test("cells", [["a", "b"], ["", "b"], ["_x", "\u00b5V"], ["f0", "e1"], ["# time", '"v"'], ["(m)", "x 1"]])
def test_a_first_line_of_names_is_a_header(cells: list[str]) -> None:
    """Also where some have none, or hold digits further on."""
    assert is_header(cells)


@in_one_test(
    "cells",
    [["1", "2"], ["1", "b"], ["a", "nan"], ["", ""], ["-", "-"], ["1_0", "2_0"], ["1st", "b"], ["NA", "b"],
      ["1.0f", "2.0f"], ["#1", "#2"], ["nan(ind)", "b"], ["-nan(0x8)"],
      ["#DIV/0!", "#NAME?"], ["<NA>"], ["NaT", "b"], ["12:30", "x"], ["null", "null"]],
)  # fmt: skip
def test_a_first_line_with_another_cell_is_none(cells: list[str]) -> None:
    """A frame with a typing error is no header."""
    assert not is_header(cells)


@in_one_test(
    ("text", "expected"),
    [
        ("1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("a,b\n1,2\n", [[1, 2]]),
        ("\n\na,b\n\n1,2\n \n3,4", [[1, 2], [3, 4]]),
        ('"a","b"\n"1","2"\n', [[1, 2]]),
        ("a,b\r\n1,2\r\n", [[1, 2]]),
        ("a,b\n", []),
        ("a;b\n1;2\n3;4\n", [[1, 2], [3, 4]]),
        ("1\t2\n3\t4\n", [[1, 2], [3, 4]]),
        ("1 2\n 3   4\n", [[1, 2], [3, 4]]),
        ('"a;b","c\td"\n1,2\n', [[1, 2]]),
        ("[1, 2]\n[3, 4.5]\n[[5, 6], [7, 8]]\n", [[1, 2], [3, 4.5], [5, 6], [7, 8]]),
    ],
)
def test_frames_come_out_of_lines(text: str, expected: list[list[float]]) -> None:
    """With and without a header, empty lines, quotes, either line end."""
    assert streamed(text, 2) == expected


@in_one_test(
    ("text", "words"),
    [
        ("1,x\n3,4\n", "row 1, column 2: expected a number, found 'x'"),
        ("1_0,2\n3,4\n", "row 1, column 1: expected a number, found '1_0'"),
        ("a\n1,2\n", "row 1: expected 2 names in a header or 2 numbers"),
        ("1,2\n3\n", "row 2: expected 2 numbers .one frame., found 1"),
        ("1,2\na,b\n", "row 2, column 1: expected a number, found 'a'"),
        ("1|2\n", "found 1 between '|'; write commas"),
        ("1,5;2,5\n", "row 1, column 1: expected a number, found '1,5'; numbers with ',' are read with --decimal"),
        ("1;2\n3,4\n", "row 2: expected 2 numbers .one frame., found 1"),
        ("1 2\n3 x\n", "row 2, column 2: expected a number, found 'x'"),
        ("a b\n1 2\n", "row 1: expected 2 names in a header"),
        ('1,"2\n', "row 1: expected numbers between commas"),
        ("1\0,\0002\0\n", "found NUL, as in UTF-16; save it as UTF-8"),
        ("[1, true]\n", "row 1: expected a JSON array of numbers .found 'True'"),
        ('[1, "2"]\n', "expected a JSON array of numbers"),
        ("[1, null]\n", "expected a JSON array of numbers"),
        ('[1, {"a": 2}]\n', "expected a JSON array of numbers"),
        ("[" * 100_000 + "\n", "row 1: expected a JSON array of numbers"),
        ("1," * 600_000, "found a line of more than 1,048,576 letters"),
    ],
)
def test_a_wrong_line_is_named(text: str, words: str) -> None:
    """By its row, and by its column where one cell is to blame; nothing is taken for a header."""
    with pytest.raises(InputError, match=words):
        streamed(text, 2)
