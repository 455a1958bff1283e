"""Batch sizes and lengths that an exporter froze into a file are opened, if the file computes the same then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import pytest
from foreign import INT32, node, weights
from in_one_test import in_one_test

from rnnedge_runtime import ModelRefused, load

GRU = {
    "w": weights(1, 12, 3, seed=1),
    "r": weights(1, 12, 4, seed=2),
    "b": weights(1, 24, seed=3),
    "one": np.array([1]),
}


def gru(*more: str) -> list[Any]:
    """A layer over (time, batch, 3)."""
    return [node("GRU", ["x", "w", "r", "b", *more], ["all"], name="gru", hidden_size=4, linear_before_reset=1)]


def reshape(given: str, *sizes: int) -> tuple[Any, dict[str, Any]]:
    """To constant sizes; the result is called by them."""
    name = "to_" + "_".join(map(str, sizes)).replace("-", "m")
    return node("Reshape", [given, f"{name}_sizes"], [name]), {f"{name}_sizes": np.array(sizes)}


SQUEEZE = [node("Squeeze", ["all", "one"], ["y"])]
FLAT, FLAT_SIZES = reshape("all", 10, 4)
BACK, BACK_SIZES = reshape("m", 5, 2, 6)
KEPT, KEPT_SIZES = reshape("all", 5, 1, 4)
HEADS, HEADS_SIZES = reshape("x", 1, 5, 1, 3)
JOINED, JOINED_SIZES = reshape("swapped", 1, 5, 3)


def through_matmul(target: int) -> list[Any]:
    """What Keras's Dense is over (time, batch, feature): flattened, multiplied, and back."""
    return [*gru(), FLAT, node("MatMul", ["to_10_4", "k"], ["m"]), BACK, node("Tanh", [f"to_5_{target}_6"], ["y"])]


# As mxnet writes a dense layer in front of a recurrence and one after it, frames of all sequences in one axis.
_STEPS = [reshape("x", 5, 3), reshape("to_5_3", 5, 1, 3), reshape("all", 5, 4), reshape("m", 5, 1, 6)]
DENSE_SIZES = {**{name: sizes for _, one in _STEPS for name, sizes in one.items()}, "k": weights(4, 6)}
DENSE_AROUND = [_STEPS[0][0], _STEPS[1][0],
                node("GRU", ["to_5_1_3", "w", "r", "b"], ["all"], hidden_size=4, linear_before_reset=1),
                _STEPS[2][0], node("MatMul", ["to_5_4", "k"], ["m"]), _STEPS[3][0],
                node("Tanh", ["to_5_1_6"], ["y"])]  # fmt: skip


def scan(*state: int) -> Any:
    """A decaying sum with a learned initial state of one sequence."""
    ports = [foreign.helper.make_tensor_value_info(name, foreign.FLOAT, shape)
             for name, shape in (("s", state), ("f", [1, 3]), ("s2", state), ("o", state))]  # fmt: skip
    nodes = [node("Tanh", ["s"], ["h"]), node("Add", ["h", "f"], ["s2"]), node("Identity", ["s2"], ["o"])]
    body = foreign.helper.make_graph(nodes, "body", ports[:2], ports[2:])
    return node("Scan", ["s0", "x"], ["last", "y"], body=body, num_scan_inputs=1)


SCAN, WIDE_SCAN = scan(1, 3), scan(1, 1, 3)


@in_one_test(
    ("batch", "nodes", "constants"),
    [
        (2, gru("", "h0") + SQUEEZE, {"h0": np.zeros((1, 2, 4), np.float32)}),
        (2, gru("", "h0") + SQUEEZE, {"h0": np.repeat(weights(1, 1, 4), 2, 1)}),
        (1, gru("", "h0") + SQUEEZE, {"h0": weights(1, 1, 4)}),
        (2, gru("lengths") + SQUEEZE, {"lengths": np.array([5, 5], np.int32)}),
        (2, through_matmul(2), {**FLAT_SIZES, **BACK_SIZES, "k": weights(4, 6)}),
        (1, [*gru(), KEPT, node("Tanh", ["to_5_1_4"], ["y"])], KEPT_SIZES),
        (1, DENSE_AROUND, DENSE_SIZES),
        (1, [SCAN], {"s0": weights(1, 3, seed=4)}),
        (1, [WIDE_SCAN], {"s0": weights(1, 1, 3, seed=4)}),
    ],
)
def test_a_file_for_one_batch_and_one_length(
    batch: int, nodes: list[Any], constants: dict[str, Any], tmp_path: Path
) -> None:
    """Zero, learned and repeated initial states, full lengths, and reshapes: equal to the file at its own sizes."""
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": [5, batch, 3]}, {"y": [5, batch, "f"]}, {**GRU, **constants})
    report = foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
    assert report.contract.inputs[0].shape == ("time", "batch", 3)
    x = weights(5, batch, 3, seed=7)
    foreign.streams_as(tmp_path / "s.onnx", x[:, 0], foreign.whole(file, x=x)[0][:, 0])


@in_one_test(
    ("nodes", "x", "y", "constants", "time_axis"),
    [
        ([node("Reshape", ["x", "s"], ["i"]), node("Conv", ["i", "k"], ["y"])], ["n", 5, 8, 1], ["n", 2, 3, 6],
         {"s": np.array([-1, 1, 5, 8]), "k": weights(2, 1, 3, 3)}, 1),
        ([node("Reshape", ["x", "s"], ["i"]), node("Reshape", ["i", "s2"], ["y"])], ["n", 5, 4], ["n", 5, 4],
         {"s": np.array([-1, 5, 2, 2]), "s2": np.array([-1, 5, 4])}, 1),
        ([node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("Pad", ["t", "p"], ["q"]),
          node("Conv", ["q", "k"], ["c"]), node("Reshape", ["c", "s"], ["y"])], [1, 5, 3], [1, 2, 5],
         {"p": np.array([0, 0, 2, 0, 0, 0]), "k": weights(2, 3, 3), "s": np.array([1, 2, 5])}, 1),
    ],
)  # fmt: skip
def test_reshapes_with_the_length_of_the_example(
    nodes: list[Any], x: list[Any], y: list[Any], constants: dict[str, Any], time_axis: int, tmp_path: Path
) -> None:
    """Whatever stands in front of them: the channel of a convolution, heads, padding."""
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": x}, {"y": y}, constants)
    contract = foreign.convert(file, tmp_path / "s.onnx", time_axis=time_axis).contract
    given = weights(*[d if isinstance(d, int) else 1 for d in x], seed=7)
    expected = foreign.whole(file, x=given)[0][0]
    foreign.streams_as(
        tmp_path / "s.onnx", given[0], np.moveaxis(expected, (contract.outputs[0].time_axis or 1) - 1, 0)
    )


def test_lengths_that_are_computed_and_full(tmp_path: Path) -> None:
    """A recurrence that reads the length of its own input as the length of every sequence does without."""
    nodes = [node("Shape", ["x"], ["s"]), node("Slice", ["s", "zero", "one"], ["len"]),
             node("Cast", ["len"], ["len32"], to=INT32), *gru("len32"), *SQUEEZE]  # fmt: skip
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": ["t", 1, 3]}, {"y": ["t", 1, 4]},
                         {**GRU, "zero": np.array([0])})  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
    x = weights(9, 1, 3, seed=7)
    foreign.streams_as(tmp_path / "s.onnx", x[:, 0], foreign.whole(file, x=x)[0][:, 0])


@in_one_test(
    ("nodes", "constants", "words"),
    [
        (gru("", "h0") + SQUEEZE, {"h0": weights(1, 2, 4)}, r"gru \(GRU\): its initial states of the 2 sequences"),
        (gru("lengths") + SQUEEZE, {"lengths": np.array([5, 3], np.int32)}, r"\(GRU\): it reads the sequence lengths"),
        ([node("ReduceMean", ["x"], ["m"], keepdims=0), node("Expand", ["m", "sizes"], ["h0"]),
          *gru("", "h0"), *SQUEEZE],
         {"sizes": np.array([1, 2, 4])}, r"node 'gru' \(GRU\): .*export it with a dynamic batch axis"),
    ],
)  # fmt: skip
def test_what_cannot_be_opened_is_refused(
    nodes: list[Any], constants: dict[str, Any], words: str, tmp_path: Path
) -> None:
    """With the node, the reason and the remedy."""
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": [5, 2, 3]}, {"y": [5, 2, 4]}, {**GRU, **constants})
    with pytest.raises(ModelRefused, match=words):
        foreign.convert(file, tmp_path / "s.onnx", time_axis=0)


@pytest.mark.parametrize("dtype", ["int32", "int16", "uint8"])
def test_frames_of_other_integers(dtype: str, tmp_path: Path) -> None:
    """Tokens of 32 bits are taken as they are, narrower numbers by a stream of int32."""
    kind = foreign.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [
        node("Cast", ["x"], ["f"], to=foreign.FLOAT),
        node("Unsqueeze", ["f", "two"], ["u"]),
        node("Mul", ["u", "k"], ["y"]),
    ]
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": (kind, ["n", "t"])}, {"y": ["n", "t", 3]},
                         {"two": np.array([2]), "k": weights(3)})  # fmt: skip
    report = foreign.convert(file, tmp_path / "s.onnx")
    assert report.contract.inputs[0].dtype == "int32"
    x = np.arange(9, dtype=dtype)[None]
    foreign.streams_as(tmp_path / "s.onnx", x[0].astype(np.int32), foreign.whole(file, x=x)[0][0])


def test_several_inputs_of_frames(tmp_path: Path) -> None:
    """Features and tokens that share batch and time, the axes without names; float16 frames are taken as float32."""
    nodes = [node("Cast", ["x"], ["f"], to=foreign.FLOAT), node("Gather", ["table", "z"], ["e"]),
             node("Concat", ["f", "e"], ["c"], axis=2), node("CumSum", ["c", "one"], ["y"])]  # fmt: skip
    half = foreign.helper.np_dtype_to_tensor_dtype(np.dtype("float16"))
    file = foreign.write(tmp_path / "f.onnx", nodes, {"x": (half, ["n", "t", 2]), "z": (foreign.INT64, ["n", "t"])},
                         {"y": ["n", "t", 5]}, {"table": weights(7, 3), "one": np.array(1)})  # fmt: skip
    contract = foreign.convert(file, tmp_path / "s.onnx").contract
    assert [(port.name, port.dtype) for port in contract.inputs] == [("x", "float32"), ("z", "int64")]
    x, z = weights(1, 9, 2).astype(np.float16), np.arange(9)[None] % 7
    found = load(tmp_path / "s.onnx").run({"x": x[0].astype(np.float32), "z": z[0]})
    np.testing.assert_allclose(found, foreign.whole(file, x=x, z=z)[0][0], atol=1e-5)


@in_one_test(
    ("nodes", "constants"),
    [
        ([node("Gather", ["flat", "four"], ["y"])], {"four": np.array(4)}),
        ([node("Slice", ["flat", "last", "end", "zero"], ["v"]), node("Squeeze", ["v", "zero"], ["y"])],
         {"last": np.array([-1]), "end": np.array([2**31 - 1]), "zero": np.array([0])}),
    ],
)  # fmt: skip
def test_the_last_frame(nodes: list[Any], constants: dict[str, Any], tmp_path: Path) -> None:
    """By its number in a sequence of the example's length, and as a slice from -1."""
    file = foreign.write(tmp_path / "f.onnx", [*gru(), node("Squeeze", ["all", "one"], ["flat"]), *nodes],
                         {"x": [5, 1, 3]}, {"y": [1, 4]}, {**GRU, **constants})  # fmt: skip
    foreign.convert(file, tmp_path / "s.onnx", time_axis=0)
    x = weights(5, 1, 3, seed=7)
    foreign.streams_as(tmp_path / "s.onnx", x[:, 0], foreign.whole(file, x=x)[0])
