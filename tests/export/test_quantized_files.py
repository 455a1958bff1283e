"""Files that `onnxruntime.quantization` wrote: streamed, they give the very numbers of onnxruntime."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
from foreign import node, weights
from onnx import helper

from rnnedge_export.onnx_files.quantized import in_float
from rnnedge_runtime import load
from rnnedge_runtime.engines.onnx_runtime import onnxruntime
from rnnedge_runtime.errors import ModelRefused

# After ours, which sets what onnxruntime reads when it is imported.
quantization = import_module(f"{onnxruntime.__name__}.quantization")
narrow_bits = import_module(f"{onnxruntime.__name__}.quantization.matmul_nbits_quantizer")

T, FEATURES = 300, 8
CONVOLUTION = [
    node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
    node("Conv", ["t", "w", "b"], ["c"], pads=[2, 0]),
    node("Relu", ["c"], ["r"]),
    node("Conv", ["r", "d"], ["e"], pads=[4, 0], dilations=[2], group=16),
    node("Sigmoid", ["e"], ["g"]),
    node("Mul", ["r", "g"], ["m"]),
    node("Add", ["m", "r"], ["a"]),
    node("Transpose", ["a"], ["f"], perm=[0, 2, 1]),
]
RECURRENCE = [node("Transpose", ["f"], ["s"], perm=[1, 0, 2]),
              node("LSTM", ["s", "i", "h", "k"], ["all"], hidden_size=6),
              node("Squeeze", ["all", "one"], ["q"]), node("Transpose", ["q"], ["o"], perm=[1, 0, 2])]  # fmt: skip
ENDS = {
    "softmax": [node("MatMul", ["o", "p"], ["l"]), node("Softmax", ["l"], ["y"], axis=-1)],
    "heads": [
        node("Shape", ["o"], ["size"]),
        node("Slice", ["size", "zero", "two"], ["outer"]),
        node("Concat", ["outer", "parts"], ["sizes"], axis=0),
        node("Reshape", ["o", "sizes"], ["l"]),
        node("Softmax", ["l"], ["y"], axis=-1),
    ],
    "leaky": [node("MatMul", ["o", "p"], ["l"]), node("LeakyRelu", ["l"], ["y"], alpha=0.1)],
    "concat": [node("MatMul", ["o", "p"], ["l"]), node("Concat", ["l", "f"], ["y"], axis=2)],
}
WEIGHTS = {
    "w": weights(16, FEATURES, 3), "b": weights(16, seed=2), "d": weights(16, 1, 3, seed=3),
    "i": weights(1, 24, 16, seed=4), "h": weights(1, 24, 6, seed=5), "k": weights(1, 48, seed=6),
    "p": weights(6, 5, seed=7), "one": np.array([1]),
    "zero": np.array([0]), "two": np.array([2]), "parts": np.array([2, 3]),
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "qdq": {},
    "int8 per channel": {"activation_type": quantization.QuantType.QInt8, "per_channel": True},
    "operators": {"quant_format": quantization.QuantFormat.QOperator},
    "uint8 weights": {"weight_type": quantization.QuantType.QUInt8},
    "16 bits": {"activation_type": quantization.QuantType.QUInt16},
}


class Given(quantization.CalibrationDataReader):  # type: ignore[misc]
    """These inputs, one after the other."""

    def __init__(self, feeds: list[dict[str, Any]]) -> None:
        self.feeds: Iterator[dict[str, Any]] = iter(feeds)

    def get_next(self) -> dict[str, Any] | None:
        """The next of them."""
        return next(self.feeds, None)


def quantized(file: Path, feeds: list[dict[str, Any]], **options: Any) -> Path:
    """The file as `quantize_static` writes it."""
    target = file.with_name("quantized.onnx")
    logging.disable(logging.WARNING)
    kind = {
        "quant_format": quantization.QuantFormat.QDQ,
        "activation_type": quantization.QuantType.QUInt8,
        "weight_type": quantization.QuantType.QInt8,
    }
    quantization.quantize_static(str(file), str(target), Given(feeds), **{**kind, **options})
    logging.disable(logging.NOTSET)
    return target


def offline(folder: Path, end: str, **options: Any) -> Path:
    """Convolutions, a recurrence in float, and the nodes of `end`."""
    axes = ["n", "t", "u", "v"][: 3 + (end == "heads")]
    nodes = [*CONVOLUTION, *RECURRENCE, *ENDS[end]]
    file = foreign.write(folder / "float.onnx", nodes, {"x": ["n", "t", FEATURES]}, {"y": axes}, WEIGHTS)
    return quantized(file, [{"x": 2 * weights(1, 40, FEATURES, seed=seed)} for seed in range(3)], **options)


def streamed(target: Path, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """In pieces of several lengths."""
    stream = load(target, trust="strict").stream()
    return np.concatenate([*(stream.push(piece) for piece in np.split(x, [1, 2, 30])), stream.finish()])


@pytest.mark.parametrize("kind", ["qdq", pytest.param("int8 per channel", marks=pytest.mark.long),
                                  pytest.param("operators", marks=pytest.mark.long),
                                  pytest.param("uint8 weights", marks=pytest.mark.long)])  # fmt: skip
@pytest.mark.parametrize("end", ["softmax", pytest.param("heads", marks=pytest.mark.long),
                                 pytest.param("leaky", marks=pytest.mark.long),
                                 pytest.param("concat", marks=pytest.mark.long)])  # fmt: skip
def test_a_quantized_file_streams_as_onnxruntime_computes_it(kind: str, end: str, tmp_path: Path) -> None:
    """Not a value of 300 frames is another one: sums of integers have no order, and tables no rounding."""
    file, x = offline(tmp_path, end, **KINDS[kind]), 2 * weights(T, FEATURES, seed=11)
    foreign.convert(file, tmp_path / "s.onnx")
    expected = foreign.whole(file, x=x[None])[0][0]
    assert len(np.unique(expected)) > 20
    np.testing.assert_array_equal(streamed(tmp_path / "s.onnx", x), expected)


@pytest.mark.parametrize("kind", ["qdq", "operators", pytest.param("int8 per channel", marks=pytest.mark.long),
                                  pytest.param("16 bits", marks=pytest.mark.long)])  # fmt: skip
def test_a_quantized_file_with_states_is_adopted(kind: str, tmp_path: Path) -> None:
    """A cache in front of a convolution, and a cell of two products: what its author's loop gives."""
    nodes = [
        node("Concat", ["cache", "x"], ["j"], axis=2), node("Slice", ["j", "from", "to", "two"], ["cache_out"]),
        node("Conv", ["j", "w", "b"], ["c"]), node("Relu", ["c"], ["r"]), node("Squeeze", ["r", "two"], ["f"]),
        node("Concat", ["f", "h"], ["fh"], axis=1), node("Gemm", ["fh", "p", "q"], ["l"]),
        node("Tanh", ["l"], ["h_out"]), node("Gemm", ["h_out", "o"], ["y"]),
    ]  # fmt: skip
    given = {"w": weights(16, FEATURES, 3), "b": weights(16, seed=2), "p": weights(22, 6, seed=3),
             "q": weights(6, seed=4), "o": weights(6, 4, seed=5), "from": np.array([-2]), "to": np.array([2**40]),
             "two": np.array([2])}  # fmt: skip
    ports = {"x": [1, FEATURES, 1], "cache": [1, FEATURES, 2], "h": [1, 6]}
    file = foreign.write(tmp_path / "float.onnx", nodes, ports,
                         {"y": [1, 4], "cache_out": [1, FEATURES, 2], "h_out": [1, 6]}, given)  # fmt: skip
    rng = np.random.default_rng(0)
    feeds = [{name: rng.standard_normal(shape).astype(np.float32) for name, shape in ports.items()} for _ in range(9)]
    file = quantized(file, feeds, **KINDS[kind])
    foreign.adopt(file, tmp_path / "s.onnx", states={"cache": "cache_out", "h": "h_out"}, time_axis=2)
    x, kept, expected = weights(60, FEATURES, seed=11), np.zeros((1, FEATURES, 2), np.float32), []
    h = np.zeros((1, 6), np.float32)
    for frame in x:
        y, kept, h = foreign.whole(file, x=frame[None, :, None], cache=kept, h=h)
        expected.append(y[0])
    np.testing.assert_array_equal(streamed(tmp_path / "s.onnx", x), np.stack(expected))


@pytest.mark.parametrize("kind", ["QLinearAdd", "QLinearMul"])
def test_tables_hold_what_the_kernel_gives_for_every_pair(kind: str, tmp_path: Path) -> None:
    """65,536 pairs; the kernel has multipliers of its own, so the plain formula misses some."""
    given = {"s": np.float32(0.0213), "z": np.uint8(7), "u": np.float32(0.0371), "v": np.uint8(131),
             "w": np.float32(0.0571), "m": np.uint8(99)}  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "s", "z", "b", "u", "v", "w", "m"], ["y"], domain="com.microsoft")], "g",
        [helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, ["n"]) for name in "ab"],
        [helper.make_tensor_value_info("y", onnx.TensorProto.UINT8, ["n"])],
        [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in given.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    every = [one.reshape(-1).astype(np.uint8) for one in np.meshgrid(np.arange(256), np.arange(256))]
    files = []
    for proto in (model, in_float(model)):
        files.append(tmp_path / f"{len(files)}.onnx")
        onnx.save(proto, files[-1])
    source, written = (foreign.whole(file, a=every[0], b=every[1])[0] for file in files)
    assert source.dtype == written.dtype == np.uint8
    np.testing.assert_array_equal(written, source)


@pytest.mark.parametrize("rows", [3000, pytest.param(400, marks=pytest.mark.long)])
def test_sums_beyond_float32_are_cut(rows: int, tmp_path: Path) -> None:
    """Of 3,000 products of 255 and 127, all of one sign, which float32 does not hold: added as integers."""
    nodes = [node("MatMul", ["x", "p"], ["y"])]
    file = foreign.write(tmp_path / "float.onnx", nodes, {"x": ["n", "t", rows]}, {"y": ["n", "t", 3]},
                         {"p": 1 + 0.01 * weights(rows, 3)})  # fmt: skip
    x = np.random.default_rng(0).uniform(0, 1, (1, 50, rows)).astype(np.float32)
    file = quantized(file, [{"x": x}], extra_options={"QuantizeBias": True})
    foreign.convert(file, tmp_path / "s.onnx")
    np.testing.assert_array_equal(streamed(tmp_path / "s.onnx", x[0]), foreign.whole(file, x=x)[0][0])


def test_ranges_over_a_whole_sequence_are_refused_in_words(tmp_path: Path) -> None:
    """`quantize_dynamic` takes the range of all frames at once: what is to come would change what has been."""
    file = foreign.write(tmp_path / "float.onnx", RECURRENCE, {"f": ["n", "t", 16]},
                         {"o": ["n", "t", 6]}, WEIGHTS)  # fmt: skip
    target = tmp_path / "dynamic.onnx"
    logging.disable(logging.WARNING)
    quantization.quantize_dynamic(str(file), str(target))
    logging.disable(logging.NOTSET)
    with pytest.raises(ModelRefused, match=r"range of the whole sequence.*quantize_static"):
        foreign.convert(target, tmp_path / "s.onnx")


@pytest.mark.parametrize("symmetric", [False, pytest.param(True, marks=pytest.mark.long)])
def test_weights_of_four_bits_stream(symmetric: bool, tmp_path: Path) -> None:
    """MatMulNBits, with zero points of its own or the usual ones, stays what it is and loads strictly."""
    file = foreign.write(tmp_path / "float.onnx", [node("MatMul", ["x", "p"], ["f"]), *RECURRENCE],
                         {"x": ["n", "t", 64]}, {"o": ["n", "t", 6]}, {**WEIGHTS, "p": weights(64, 16)})  # fmt: skip
    logging.disable(logging.INFO)
    narrow = narrow_bits.MatMulNBitsQuantizer(onnx.load(file), block_size=32, is_symmetric=symmetric, accuracy_level=4)
    narrow.process()
    narrow.model.save_model_to_file(str(file))
    foreign.convert(file, tmp_path / "s.onnx")
    logging.disable(logging.NOTSET)
    kept = [node.op_type for node in onnx.load(tmp_path / "s.onnx").graph.node]
    x = weights(T, 64, seed=11)
    assert "MatMulNBits" in kept
    np.testing.assert_allclose(streamed(tmp_path / "s.onnx", x), foreign.whole(file, x=x[None])[0][0], atol=1e-6)
