"""What `rnnedge inspect` says of a file from elsewhere: which inputs are states, and the command that was tried."""

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
from rnnedge_runtime import ModelRefused

WEIGHTS = {"w": weights(1, 16, 3, seed=1), "r": weights(1, 16, 4, seed=2), "one": np.array([1])}
STEP = [node("LSTM", ["x", "w", "r", "", "", "a", "b"], ["all", "c", "d"], hidden_size=4),
        node("Squeeze", ["all", "one"], ["y"])]  # fmt: skip
STATE = [1, "n", 4]


def lstm(path: Path, time: int | str = "t") -> Path:
    """States whose names say nothing: a is given back as c, b as d, which stand in another order."""
    return foreign.write(path, STEP, {"a": STATE, "x": [time, "n", 3], "b": STATE},
                         {"d": STATE, "y": [time, "n", 4], "c": STATE}, WEIGHTS)  # fmt: skip


def test_the_states_of_a_step_are_found_by_running_it(tmp_path: Path) -> None:
    """One long call gives what single frames give for the right pairs only; the command adopts the file."""
    found = propose(str(lstm(tmp_path / "f.onnx")))
    assert found.tried and found.command is not None
    assert shlex.split(found.command)[5:] == ["--state", "a:c", "--state", "b:d", "--time-axis", "0"]
    assert [port.role for port in found.inputs] == ["state, given back as c", "frames", "state, given back as d"]


def test_a_frame_without_a_time_axis(tmp_path: Path) -> None:
    """Two axes of fixed sizes are one frame a call."""
    cell = [node("Add", ["x", "s"], ["v"]), node("Tanh", ["v"], ["s2"]), node("Relu", ["s2"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", cell, {"x": [1, 4], "s": [1, 4]}, {"y": [1, 4], "s2": [1, 4]})
    command = propose(str(file)).command
    assert command is not None and command.endswith("--state s:s2 --time-axis none")


def test_a_file_without_states_is_for_whole_sequences(tmp_path: Path) -> None:
    """Its time axis is found by opening it."""
    file = foreign.write(tmp_path / "f.onnx", [node("CumSum", ["x", "k"], ["y"])], {"x": ["n", "t", 3]},
                         {"y": ["n", "t", 3]}, {"k": np.array(1)})  # fmt: skip
    command = propose(str(file)).command
    assert command is not None and command.startswith("rnnedge export") and command.endswith("--time-axis x:1")


MEAN = [node("Concat", ["h", "x"], ["j"], axis=2), node("ReduceMax", ["j"], ["m"], axes=[2]),
        node("Add", ["x", "m"], ["y"]), node("Slice", ["j", "last", "end", "two"], ["hn"])]  # fmt: skip


def test_a_cache_for_one_frame_is_called_with_one_frame(tmp_path: Path) -> None:
    """A file that declares one frame, and computes something else for more, is adopted with a chunk of one."""
    file = foreign.write(tmp_path / "f.onnx", MEAN, {"x": [1, 4, 1], "h": [1, 4, 2]}, {"y": [1, 4, 1], "hn": [1, 4, 2]},
                         {"last": np.array([-2]), "end": np.array([2**31]), "two": np.array([2])})  # fmt: skip
    report = foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=2)
    assert report.contract.chunk == 1


@pytest.mark.parametrize("constants", [{}, {"k": 0.5}])
def test_an_adoption_is_verified_against_its_source(constants: dict[str, float], tmp_path: Path) -> None:
    """The contract keeps states, axes and constants; another file fails, one with other ports is refused."""

    def step(name: str, scale: float, state: str = "h") -> Path:
        nodes = [node("Mul", [state, "k"], ["m"]), node("Add", ["x", "m"], ["s"]), node("Mul", ["s", "c"], ["y"]),
                 node("Identity", ["y"], ["hn"])]  # fmt: skip
        ports: dict[str, Any] = {"x": ["n", 3], state: ["n", 3], **{key: [] for key in constants}}
        given = {"c": np.float32(scale), **({} if constants else {"k": np.float32(0.5)})}
        return foreign.write(tmp_path / name, nodes, ports, {"y": ["n", 3], "hn": ["n", 3]}, given)

    source = step("f.onnx", 0.7)
    foreign.adopt(source, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=None, constants=constants)
    assert rnnedge_export.verify(tmp_path / "s.onnx", source, effort=foreign.BRIEF).passed
    assert not rnnedge_export.verify(tmp_path / "s.onnx", step("g.onnx", 0.8), effort=foreign.BRIEF).passed
    with pytest.raises(ModelRefused, match="state h:hn: expected an input and an output, found inputs x, other"):
        rnnedge_export.verify(tmp_path / "s.onnx", step("o.onnx", 0.7, "other"), effort=foreign.BRIEF)


def test_tens_of_states_are_paired_by_name(tmp_path: Path) -> None:
    """Caches of one shape, listed in another order as outputs, and a counter of frames with no axis but the batch."""
    names = [f"cache_{kind}_{i}" for i in range(6) for kind in ("key", "value")]
    nodes = [node("Add", ["x", name], [f"new_{name}"]) for name in names]
    nodes += [
        node("Sum", [f"new_{name}" for name in names], ["y"]),
        node("Add", ["cache_len", "one"], ["new_cache_len"]),
    ]
    states = {**{name: ["n", 4] for name in names}, "cache_len": (foreign.INT64, ["n"])}
    outputs = {"y": ["n", 4], **{f"new_{name}": shape for name, shape in sorted(states.items(), reverse=True)}}
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", 4], **states}, outputs, {"one": np.array([1])})
    found = propose(str(file))
    assert {port.name: port.role for port in found.inputs} == {
        "x": "frames", **{name: f"state, given back as new_{name}" for name in states}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"sr": (foreign.INT64, [])}, ["--constant", "sr=16000"]),
        ({"mask": [1, 7]}, ["--constant", "mask=0"]),
        ({"lengths": (foreign.INT64, [1])}, ["--constant", "lengths=0"]),
    ],
)
def test_inputs_that_never_change_get_a_value(more: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    """A sampling rate has a usual one, an input that nothing reads has any."""
    nodes = [node("Add", ["x", "h"], ["hn"]), node("Relu", ["hn"], ["y"])]
    if "sr" in more:
        nodes[1:] = [node("Cast", ["sr"], ["f"], to=1), node("Div", ["hn", "f"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": [1, 4], "h": [1, 4], **more}, {"y": [1, 4], "hn": [1, 4]})
    found = propose(str(file))
    assert found.tried and found.command is not None and shlex.split(found.command)[5:9] == ["--state", "h:hn", *words]


def test_a_window_of_fixed_length_slides(tmp_path: Path) -> None:
    """A classifier of 16 frames gives a result for each frame, of it and the 15 before; zeros at first."""
    nodes = [node("Reshape", ["x", "flat"], ["f"]), node("MatMul", ["f", "w"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["batch", 16, 3]}, {"y": ["batch", 2]},
                         {"flat": np.array([-1, 48]), "w": weights(48, 2)})  # fmt: skip
    command = propose(str(file)).command
    assert command is not None and command.endswith("--time-axis 1 --chunk 1 --context 15")
    foreign.adopt(file, tmp_path / "s.onnx", chunk=1, context=15)
    frames = weights(20, 3, seed=3)
    padded = np.concatenate([np.zeros((15, 3), np.float32), frames])
    expected = [foreign.whole(file, x=padded[None, t : t + 16])[0][0] for t in range(20)]
    foreign.streams_as(tmp_path / "s.onnx", frames, np.stack(expected))


def test_a_picture_is_one_frame(tmp_path: Path) -> None:
    """Four axes of fixed sizes, in bytes: rows are no frames, and the batch is open behind the cast."""
    nodes = [node("Cast", ["x"], ["f"], to=1), node("ReduceMean", ["f"], ["m"], axes=[1, 2], keepdims=0),
             node("Add", ["m", "h"], ["hn"]), node("Relu", ["hn"], ["y"])]  # fmt: skip
    uint8 = foreign.onnx.TensorProto.UINT8
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": (uint8, [1, 8, 6, 3]), "h": [1, 3]},
                         {"y": [1, 3], "hn": [1, 3]})  # fmt: skip
    command = propose(str(file)).command
    assert command is not None and command.endswith("--state h:hn --time-axis none")
    report = foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=None)
    assert report.contract.outputs[0].shape == ("batch", 3)


@pytest.mark.parametrize(
    ("frames", "cache", "words"),
    [
        ([1, 4, 6], [1, 4, 2], "--time-axis 2 --chunk 6"),
        ([1, 6, 4], [1, 2, 4], "--time-axis 1 --chunk 6"),
    ],
)
def test_a_cache_says_where_time_stands(frames: list[int], cache: list[int], words: str, tmp_path: Path) -> None:
    """It has the axes of the frames, and another size on one of them."""
    axis = 2 if frames[1] == 4 else 1
    nodes = [node("Concat", ["h", "x"], ["j"], axis=axis), node("Slice", ["j", "last", "end", "axis"], ["hn"]),
             node("ReduceMax", ["j"], ["m"], axes=[1, 2]), node("Add", ["x", "m"], ["y"])]  # fmt: skip
    numbers = {"last": np.array([-2]), "end": np.array([2**31]), "axis": np.array([axis])}
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": frames, "h": cache}, {"y": frames, "hn": cache}, numbers)
    command = propose(str(file)).command
    assert command is not None and command.endswith(words)


@pytest.mark.parametrize(
    ("frames", "axis", "size"), [([1, 1, 16, 4], 2, 16), ([1, 16, 4, 1], 1, 16), ([1, 40, 98], 2, 98)]
)
def test_a_window_of_a_picture_slides(frames: list[int], axis: int, size: int, tmp_path: Path) -> None:
    """A classifier of spectra: time is the first axis of more than one number, unless it looks like features."""
    nodes = [node("GlobalMaxPool", ["x"], ["p"]), node("Flatten", ["p"], ["y"])]
    file = foreign.write(
        tmp_path / "f.onnx", nodes, {"x": frames}, {"y": [1, frames[1]]} if axis != 1 else {"y": [1, 7]}
    )
    if axis == 1:
        sums = [node("ReduceMax", ["x"], ["m"], axes=[1], keepdims=0), node("Flatten", ["m"], ["y"])]
        file = foreign.write(tmp_path / "f.onnx", sums, {"x": frames}, {"y": [1, 4]})
    command = propose(str(file)).command
    assert command is not None and command.endswith(f"--time-axis {axis} --chunk 1 --context {size - 1}")


@pytest.mark.parametrize("size", [5, 4])
def test_a_cell_gives_nothing_but_its_states(size: int, tmp_path: Path) -> None:
    """x and h -> h, and nothing else: what it gives is a result and a state; two inputs of a sum are no cell."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "h"], ["s"]), node("Tanh", ["s"], ["h1"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", size], "h": ["n", 4]}, {"h1": ["n", 4]},
                         {"w": weights(size, 4)})  # fmt: skip
    command = propose(str(file)).command
    assert command is not None and command.endswith("--state h:h1 --time-axis none")
    foreign.adopt(file, tmp_path / "s.onnx", states={"h": "h1"}, time_axis=None)
    x, h, expected = weights(20, size, seed=3), np.zeros((1, 4), np.float32), []
    for frame in x:
        h = foreign.whole(file, x=frame[None], h=h)[0]
        expected.append(h[0])
    foreign.streams_as(tmp_path / "s.onnx", x, np.stack(expected))
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed
    both = foreign.write(tmp_path / "g.onnx", [node("Add", ["left", "right"], ["y"])],
                         {"left": ["n", 4], "right": ["n", 4]}, {"y": ["n", 4]})  # fmt: skip
    command = propose(str(both)).command
    assert command is not None and command.startswith("rnnedge export")


def test_a_scalar_that_is_given_back_is_a_state(tmp_path: Path) -> None:
    """A counter of frames without axes."""
    nodes = [node("Add", ["step", "one"], ["step_out"]), node("Div", ["x", "step_out"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", 4], "step": []}, {"y": ["n", 4], "step_out": []},
                         {"one": np.float32(1)})  # fmt: skip
    command = propose(str(file)).command
    assert command is not None and command.endswith("--state step:step_out --time-axis none")
