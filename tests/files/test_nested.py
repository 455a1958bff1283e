"""Numbers in nested lists: only those of a frame's own shape are a frame, wherever JSON is read."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.files.nested import flat, shape_of
from rnnedge.frames._text_lines import read_lines
from rnnedge.live.protocol.records import FrameFormat
from rnnedge.live.server.tensors import parse_request
from rnnedge_runtime import Contract, InputError, Port

# Frames of 2 x 2 numbers, and how many of them; None: no frames.
LINES: dict[str, int | None] = {
    "[1, 2, 3, 4]": 1, "[[1, 2], [3, 4]]": 1, "[[1, 2, 3, 4], [5, 6, 7, 8]]": 2, "[[[1, 2], [3, 4]]]": 1,
    "[[[1, 2], [3, 4]], [[5, 6], [7, 8]], [[9, 1], [2, 3]]]": 3,
    "[]": None, "[[]]": None, "[1, 2, 3]": None, "[[1], [2, 3, 4]]": None, "[[1, 2, 3], [4]]": None,
    "[1, [2, 3], 4]": None, "[[[1, 2, 3, 4]]]": None, "[[1], [2], [3], [4]]": None, "[1, 2, true, 4]": None,
    "[[1, 2], [3, false]]": None, '[1, 2, "3", 4]': None, "[1, 2, null, 4]": None, "[[], [1, 2, 3, 4]]": None,
}  # fmt: skip


def contract(*frame: int) -> Contract:
    """One input of such frames."""
    return Contract((Port("x", "float32", ("batch", "time", *frame), 0, 1),), (), (), form="native", opset=20)


def test_the_shape_of_a_list_is_that_of_numpy() -> None:
    """Where numpy has one, and the numbers are numbers."""
    for value in (3, [1, 2.5], [[1], [2]], [[[1, 2]], [[3, 4]]], [], [[], []]):
        assert shape_of(value) == np.array(value).shape
        assert list(flat(value)) == np.array(value).ravel().tolist()
    for value in (True, None, "1", [True], [1, "2"], [[1], 2], [[1], [2, 3]], [{}], {"a": 1}):
        with pytest.raises(ValueError, match=r"in it|equally long"):
            shape_of(value)


@in_one_test("line", LINES)
def test_a_line_is_whole_frames(line: str) -> None:
    """In a recording, and in a message of a live source."""
    count = LINES[line]
    place = contract(2, 2)
    if count is None:
        with pytest.raises(InputError, match="row 1: expected"):
            list(read_lines(io.StringIO(line), "t", place, 1))
    else:
        assert [part.shape for part in read_lines(io.StringIO(line), "t", place, 9)] == [(count, 2, 2)]
    form = FrameFormat(place)
    if count == 1 and line.count("[") < 4:
        assert form.from_json(json.loads(line), "line", 0, 0.0).frames.shape == (1, 2, 2)
    elif count is None:
        with pytest.raises(InputError, match="line: expected frames of 4 numbers"):
            form.from_json(json.loads(line), "line", 0, 0.0)


@in_one_test("frames", ["[[1, 2], [true, 4]]", "[[[1, 2]], [[3, 4]]]", "[[1, 2], [3]]", "[1, 2, 3, 4]"])
def test_a_message_has_frames_of_two(frames: str) -> None:
    """Not of something that has as many numbers."""
    with pytest.raises(InputError, match="line: expected frames of 2 numbers"):
        FrameFormat(contract(2)).from_json(json.loads(f'{{"frames": {frames}}}'), "line", 0, 0.0)


def test_a_frame_of_one_number_needs_no_list_of_its_own() -> None:
    """In a message of several."""
    given: dict[str, Any] = {"frames": [1, 2, 3]}
    assert FrameFormat(contract(1)).from_json(given, "line", 0, 0.0).frames.tolist() == [[1], [2], [3]]


@in_one_test("data", ["[1, 2, 3, true]", "[[1, 2, 3], [4]]", "null", '[1, 2, 3, "4"]'])
def test_a_tensor_of_kserve_has_numbers_alone(data: str) -> None:
    """As many as its shape says, in a row or nested."""
    one = contract(2)

    def body(data: str) -> bytes:
        tensor = f'{{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": {data}}}'
        return f'{{"inputs": [{tensor}]}}'.encode()

    for good in ("[1, 2, 3, 4]", "[[1, 2], [3, 4]]"):
        request = parse_request(body(good), None, FrameFormat(one), one.inputs[0], ["y"])
        assert request.frames.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(InputError, match="data: expected"):
        parse_request(body(data), None, FrameFormat(one), one.inputs[0], ["y"])


def test_a_name_that_stands_twice_in_an_object_is_refused() -> None:
    """Which of the two is meant nobody knows."""
    with pytest.raises(InputError, match=r"row 1: .*'a' appears twice"):
        list(read_lines(io.StringIO('{"a": 1, "a": 2}'), "t", contract(1), 1))
