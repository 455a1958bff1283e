"""Files with states of their own as frameworks write them: several inputs, constants, no batch axis, other dtypes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import INT64, node, weights
from in_one_test import in_one_test

import rnnedge_export
from rnnedge_export.onnx_files import CONSTANTS, noted
from rnnedge_export.onnx_files._adoption import NOTE, calling_of
from rnnedge_runtime import ModelRefused, load

ADD = [node("Add", ["v", "s"], ["w"]), node("Tanh", ["w"], ["s2"]), node("Mul", ["s2", "k"], ["y"])]


def loop(file: Path, feeds: list[dict[str, Any]], state: Any, read: str = "s", written: str = "s2") -> Any:
    """What the file gives in a loop, frame by frame."""
    session = foreign.onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    found = []
    for feed in feeds:
        given = dict(zip(names, session.run(names, {**feed, read: state}), strict=True))
        state = given[written]
        found.append(given["y"])
    return found


@in_one_test(
    ("x", "s", "time_axis"),
    [([4], [4], None), (["t", 4], [4], 0), ([1, 4], [4], None), ([1, "t", 4], [1, 4], 1), ([1, 4], [], None)],
)
def test_files_without_a_batch_axis(x: list[Any], s: list[int], time_axis: int | None, tmp_path: Path) -> None:
    """In the frames, in the states or in both: one sequence at a time, equal to the loop."""
    axis = x.index("t") if "t" in x else 0
    flat = node("ReduceMean", ["x"], ["v"], axes=[axis], keepdims=0)
    mean = [flat if len(x) > len(s) > 0 else node("Identity", ["x"], ["v"])]
    last = [*ADD[:2], node("Mul", ["s2", "k"], ["y0"]), node("Add", ["x", "y0"], ["y"])]
    if not s:
        last = [node("ReduceMean", ["v"], ["v0"], keepdims=0), node("Add", ["v0", "s"], ["w"]), *last[1:]]
    file = foreign.write(tmp_path / "f.onnx", [*mean, *last], {"x": x, "s": s}, {"y": x, "s2": s}, {"k": np.float32(2)})
    report = foreign.adopt(file, tmp_path / "s.onnx", states={"s": "s2"}, time_axis=time_axis,
                           chunk=None if time_axis is None else 1)  # fmt: skip
    assert report.contract.chunk == 1 and report.contract.batch == 1
    frames = weights(6, 4)
    shape = [1 if d == "t" else d for d in x]
    expected = loop(file, [{"x": frame.reshape(shape)} for frame in frames], np.zeros(s, np.float32))
    foreign.streams_as(tmp_path / "s.onnx", frames, np.stack(expected).reshape(6, 4))
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


VOICE = [node("Gather", ["table", "z"], ["e"]), node("Add", ["x", "e"], ["a"]), node("Add", ["a", "speaker"], ["v"]),
         *ADD]  # fmt: skip
SPEAKER = weights(1, 4, seed=3)


def voice(path: Path, batch: Any = "n") -> Path:
    """Two inputs of frames, a vector that never changes, and a state."""
    return foreign.write(path, VOICE, {"x": [batch, 4], "z": (INT64, [batch]), "speaker": [1, 4], "s": [batch, 4]},
                         {"y": [batch, 4], "s2": [batch, 4]}, {"table": weights(7, 4), "k": np.float32(2)})  # fmt: skip


def test_several_inputs_and_a_constant_by_array(tmp_path: Path) -> None:
    """Frames and tokens that share batch and time; the array becomes a weight, and verify knows it."""
    file = voice(tmp_path / "f.onnx")
    report = foreign.adopt(
        file, tmp_path / "s.onnx", states={"s": "s2"}, time_axis=None, constants={"speaker": SPEAKER}
    )
    assert [port.name for port in report.contract.inputs] == ["x", "z"]
    x, z = weights(6, 4), np.arange(6) % 7
    feeds = [{"x": x[i : i + 1], "z": z[i : i + 1], "speaker": SPEAKER} for i in range(6)]
    expected = np.concatenate(loop(file, feeds, np.zeros((1, 4), np.float32)))
    np.testing.assert_allclose(load(tmp_path / "s.onnx").run({"x": x, "z": z}), expected, atol=1e-6)
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


@in_one_test(
    ("options", "words"),
    [
        ({"states": {}}, "found x, z, s; name states"),
        (
            {"constants": {"speaker": weights(1, 5)}},
            r"speaker: expected a number, or an array of shape \[1, 4\]",
        ),
        ({"constants": {"other": 1.0}}, "constant 'other': the inputs are x, z, speaker, s"),
    ],
)
def test_an_input_that_is_forgotten_is_no_frame(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    """A state that nobody names is one that an output could give back."""
    given = {"states": {"s": "s2"}, "time_axis": None, "constants": {"speaker": SPEAKER}, **options}
    with pytest.raises(ModelRefused, match=words):
        foreign.adopt(voice(tmp_path / "f.onnx"), tmp_path / "s.onnx", **given)


def test_frames_of_16_bits(tmp_path: Path) -> None:
    """Samples as recorders give them: the stream takes int32."""
    kind = foreign.helper.np_dtype_to_tensor_dtype(np.dtype("int16"))
    file = foreign.write(tmp_path / "f.onnx", [node("Cast", ["x"], ["v"], to=foreign.FLOAT), *ADD],
                         {"x": (kind, ["n", 4]), "s": ["n", 4]}, {"y": ["n", 4], "s2": ["n", 4]},
                         {"k": np.float32(2)})  # fmt: skip
    report = foreign.adopt(file, tmp_path / "s.onnx", states={"s": "s2"}, time_axis=None)
    # It was proven on nothing but zeros.
    assert report.contract.golden is not None and report.contract.golden.inputs["x"].any()
    x = np.arange(-12, 12, dtype=np.int16).reshape(6, 4)
    expected = np.concatenate(loop(file, [{"x": frame[None]} for frame in x], np.zeros((1, 4), np.float32)))
    foreign.streams_as(tmp_path / "s.onnx", x.astype(np.int32), expected)


def test_a_constant_of_a_file_for_whole_sequences(tmp_path: Path) -> None:
    """The array becomes a weight of the stream, for any batch, and verify knows it."""
    nodes = [node("Mul", ["x", "gain"], ["a"]), node("Add", ["a", "bias"], ["v"]), node("CumSum", ["v", "one"], ["y"])]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", "t", 3], "gain": [], "bias": [1, 1, 3]},
                         {"y": ["n", "t", 3]}, {"one": np.array(1)})  # fmt: skip
    constants = {"gain": 0.5, "bias": weights(1, 1, 3)}
    foreign.convert(file, tmp_path / "s.onnx", constants=constants)
    x = weights(1, 9, 3)
    expected = foreign.whole(file, x=x, gain=np.array(0.5, np.float32), bias=constants["bias"])[0][0]
    foreign.streams_as(tmp_path / "s.onnx", x[0], expected)
    assert rnnedge_export.verify(tmp_path / "s.onnx", file, effort=foreign.BRIEF).passed


@in_one_test(
    "note",
    [None, "", "[" * 100_000, "5", "{}", '{"states": 5}',
     '{"states": {"s": 1}, "time_axis": null, "batch_axis": 0, "chunk": 1, "context": 0, "constants": {}}',
     '{"states": {}, "time_axis": "x", "batch_axis": 0, "chunk": 1, "context": 0, "constants": {}}'],
)  # fmt: skip
def test_a_note_of_somebody_else_is_no_calling(note: str | None) -> None:
    """A contract may say anything; what an adoption has not written counts as none."""
    contract = load(Path(__file__).parents[1] / "data" / "golden_gru.onnx", trust="strict").contract
    given = {} if note is None else {NOTE: note, CONSTANTS: note}
    contract = replace(contract, provenance={**contract.provenance, **given})
    assert calling_of(contract) is None
    assert isinstance(noted(contract), dict)


def test_a_constant_row_stands_for_every_sequence(tmp_path: Path) -> None:
    """A speaker that the file joins to every frame: one is given, and a batch of two streams with it."""
    nodes = [node("Unsqueeze", ["speaker", "one"], ["row"]), node("Shape", ["x"], ["sizes"]),
             node("Slice", ["sizes", "zero", "two"], ["part"]), node("Concat", ["part", "width"], ["to"], axis=0),
             node("Expand", ["row", "to"], ["rows"]), node("Concat", ["x", "rows"], ["j"], axis=2),
             node("CumSum", ["j", "axis"], ["y"])]  # fmt: skip
    numbers = {"one": [1], "zero": [0], "two": [2], "width": [2], "axis": 1}
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["n", "t", 3], "speaker": ["n", 2]}, {"y": ["n", "t", 5]},
                         {name: np.array(number, np.int64) for name, number in numbers.items()})  # fmt: skip
    speaker, x = weights(1, 2, seed=4), weights(2, 9, 3, seed=5)
    foreign.convert(file, tmp_path / "s.onnx", time_axis="x:1", constants={"speaker": speaker})
    stream = load(tmp_path / "s.onnx").stream(2)
    found = np.concatenate([stream.push(x[:, :4]), stream.push(x[:, 4:]), stream.finish()], 1)
    np.testing.assert_allclose(found, foreign.whole(file, x=x, speaker=np.repeat(speaker, 2, 0))[0], atol=1e-5)
