"""Lengths that a file for whole sequences takes and gives, and counters of frames that look like lengths."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import node, weights

import rnnedge_export
from rnnedge_export.adoption.propose import propose

RECURRENCE = [node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
              node("GRU", ["t", "w", "r", "", "l"], ["all", ""], hidden_size=4),
              node("Squeeze", ["all"], ["s"], axes=[1]), node("Transpose", ["s"], ["y"], perm=[1, 0, 2])]  # fmt: skip
WEIGHTS = {"w": weights(1, 12, 3, seed=1), "r": weights(1, 12, 4, seed=2)}


def read_by_a_recurrence(path: Path) -> Path:
    """Lengths that are called like nothing; of opset 7, which has no Expand."""
    return foreign.write(path, RECURRENCE, {"x": ["n", "t", 3], "l": (foreign.INT32, ["n"])}, {"y": ["n", "t", 4]},
                         WEIGHTS, opset=7)  # fmt: skip


def cast_for_a_recurrence(path: Path) -> Path:
    """The same, given as floats."""
    nodes = [node("Cast", ["d"], ["l"], to=foreign.INT32), *RECURRENCE]
    return foreign.write(path, nodes, {"x": ["n", "t", 3], "d": (foreign.FLOAT, ["n"])}, {"y": ["n", "t", 4]},
                         WEIGHTS, opset=7)  # fmt: skip


def of_an_encoder(path: Path, shape: list[Any]) -> Path:
    """Every second frame, a mask of what is no padding, and the lengths that are left."""
    nodes = [node("Slice", ["x", "no", "end", "one", "two"], ["h"]), node("Add", ["x_lens", "one"], ["more"]),
             node("Div", ["more", "two"], ["y_lens"]), node("Shape", ["h"], ["sizes"]),
             node("Gather", ["sizes", "at"], ["count"]), node("Range", ["first", "count", "at"], ["places"]),
             node("Unsqueeze", ["y_lens", "one" if shape else "places_of_one"], ["column"]),
             node("Less", ["places", "column"], ["kept"]), node("Cast", ["kept"], ["mask"], to=1),
             node("Unsqueeze", ["mask", "two"], ["wide"]), node("Mul", ["h", "wide"], ["y"])]  # fmt: skip
    numbers = {"no": [0], "end": [2**40], "one": [1], "two": [2], "at": 1, "first": 0, "places_of_one": [0, 1]}
    given = {name: np.array(number, np.int64) for name, number in numbers.items()}
    return foreign.write(path, nodes, {"x": ["n", "t", 3], "x_lens": (foreign.INT64, shape)},
                         {"y": ["n", "u", 3], "y_lens": (foreign.INT64, shape or [1])}, given)  # fmt: skip


@pytest.mark.parametrize("kind", ["recurrence", "cast", "encoder"])
def test_lengths_are_those_of_the_frames(kind: str, tmp_path: Path) -> None:
    """The proposed command converts it; a stream is what the file gives for whole sequences; verify knows it."""
    file, x = tmp_path / "f.onnx", weights(21, 3, seed=5)
    if kind == "recurrence":
        expected = foreign.whole(read_by_a_recurrence(file), x=x[None], l=np.array([21], np.int32))[0][0]
    elif kind == "cast":
        expected = foreign.whole(cast_for_a_recurrence(file), x=x[None], d=np.array([21], np.float32))[0][0]
    else:
        expected = foreign.whole(of_an_encoder(file, ["n"]), x=x[None], x_lens=np.array([21]))[0][0]
    command = propose(str(file)).command
    assert command is not None and shlex.split(command)[5:] == ["--time-axis", "x:1"]
    foreign.convert(file, tmp_path / "s.onnx", time_axis="x:1")
    foreign.streams_as(tmp_path / "s.onnx", x, expected)
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


@pytest.mark.parametrize(("grows", "name"), [(True, "new_lens"), (False, "new_lens"), (True, "seen")])
def test_a_counter_of_frames_is_a_state(grows: bool, name: str, tmp_path: Path) -> None:
    """It is called like a length, and given back larger by the frames of the call; a length is given back as it is."""
    nodes = [node("Cast", ["lens"], ["c"], to=1), node("Add", ["x", "h"], ["hn"]), node("Add", ["hn", "c"], ["y"]),
             node("Add" if grows else "Sub", ["lens", "two" if grows else "none"], [name])]  # fmt: skip
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", 2, 4], "h": ["n", 2, 4], "lens": (foreign.INT64, [1])},
                         {"y": ["n", 2, 4], "hn": ["n", 2, 4], name: (foreign.INT64, [1])},
                         {"two": np.array([2]), "none": np.array([0])})  # fmt: skip
    roles = {port.name: port.role for port in propose(str(file)).inputs}
    assert roles["lens"] == (f"state, given back as {name}" if grows else "constant")


@pytest.mark.parametrize("counted", [True, False])
def test_a_length_that_padding_makes_longer_is_no_counter(counted: bool, tmp_path: Path) -> None:
    """By as much for any number of frames; a counter goes on by these."""
    more = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "one"], ["by"])] if counted else []
    nodes = [*more, node("Add", ["lens", "by" if counted else "one"], ["after"]), node("Tanh", ["x"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", "t", 4], "lens": (foreign.INT64, ["n"])},
                         {"y": ["n", "t", 4], "after": (foreign.INT64, ["n"])}, {"one": np.array([1])})  # fmt: skip
    roles = {port.name: port.role for port in propose(str(file)).inputs}
    assert roles["lens"] == ("state, given back as after" if counted else "constant")
