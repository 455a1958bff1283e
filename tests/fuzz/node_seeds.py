"""Valid nodes of every operator that a file may have, around the value "v", float32 (1, time, 3): a function of a seed.

A seed is what `node_mutants` makes hostile. Weights are drawn small; what a node gives is in its first output.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper

Rng = random.Random
WIDTH = 3
UNITS = 4


@dataclass
class Seed:
    """One operator with its attributes, the inputs by name, and constants among them."""

    operator: str
    inputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    outputs: int = 1


def seed(operator: str, rng: Rng) -> Seed:
    """A valid node of `operator`."""
    return SEEDS[operator](operator, rng)


def floats(*shape: int) -> np.ndarray:
    """Weights that differ from each other."""
    return (np.sin(np.arange(int(np.prod(shape)), dtype=np.float64) * 0.7 + 0.3) / 2).astype(np.float32).reshape(shape)


def integers(*values: int) -> np.ndarray:
    """int64 (n,)."""
    return np.array(values, np.int64)


def _made(operator: str, inputs: str = "v", attributes: dict[str, Any] | None = None, **constants: Any) -> Seed:
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return Seed(operator, inputs.split(" "), attributes or {}, arrays)


def _unary(operator: str, rng: Rng) -> Seed:
    return _made(operator)


def _binary(operator: str, rng: Rng) -> Seed:
    return _made(
        operator, rng.choice(("v c", "c v", "v v")), c=floats(*rng.choice(((), (1,), (WIDTH,), (1, 1, WIDTH))))
    )


def _integer_binary(operator: str, rng: Rng) -> Seed:
    return _made(operator, "i c", c=np.int64(3))


def _logical(operator: str, rng: Rng) -> Seed:
    return _made(operator, "b" if operator == "Not" else "b b")


def _reduction(operator: str, rng: Rng) -> Seed:
    if operator in ("ArgMax", "ArgMin"):
        return _made(operator, "v", {"axis": rng.choice((1, 2, -1)), "keepdims": 1, "select_last_index": 0})
    return _made(operator, "v axes", {"keepdims": rng.randrange(2)}, axes=integers(rng.choice((1, 2, -1))))


def _axis(operator: str, rng: Rng) -> Seed:
    return _made(operator, "v", {"axis": rng.choice((1, 2, -1))})


def _convolution(operator: str, rng: Rng) -> Seed:
    group = rng.choice((1, 1, WIDTH))
    transposed = operator == "ConvTranspose"
    outs = WIDTH * 2
    shape = (WIDTH, outs // group, 2) if transposed else (outs, WIDTH // group, 2)
    attributes = {"group": group, "kernel_shape": [2], "pads": [1, 0], "strides": [1], "dilations": [1]}
    if transposed:
        attributes["output_padding"] = [0]
    return _made(operator, "t w bias", attributes, w=floats(*shape), bias=floats(outs))


def _pool(operator: str, rng: Rng) -> Seed:
    if operator.startswith("Global"):
        return _made(operator, "t")
    return _made(operator, "t", {"kernel_shape": [2], "pads": [1, 0], "strides": [1], "ceil_mode": 0})


def _recurrent(operator: str, rng: Rng) -> Seed:
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[operator]
    attributes: dict[str, Any] = {"hidden_size": UNITS, "direction": "forward"}
    if operator == "GRU":
        attributes["linear_before_reset"] = 1
    inputs = "s w r bias" + (" " + " h" if rng.random() < 0.5 else "")
    rows = gates * UNITS
    return _made(operator, inputs, attributes, w=floats(1, rows, WIDTH), r=floats(1, rows, UNITS),
                 bias=floats(1, 2 * rows), h=floats(1, 1, UNITS))  # fmt: skip


def _product(operator: str, rng: Rng) -> Seed:
    if operator == "MatMul":
        return _made(operator, rng.choice(("v w", "w t")), w=floats(WIDTH, WIDTH))
    return _made(operator, "m w bias", {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": rng.randrange(2)},
                 w=floats(WIDTH, WIDTH), bias=floats(WIDTH))  # fmt: skip


def _gather(operator: str, rng: Rng) -> Seed:
    if operator == "Gather":
        return _made(
            operator, rng.choice(("v k", "table n")), {"axis": 0}, k=np.zeros((), np.int64), table=floats(5, 2)
        )
    if operator == "GatherElements":
        return _made(operator, "v k", {"axis": 2}, k=np.zeros((1, 1, 2), np.int64))
    return _made(operator, "v k", {"batch_dims": 0}, k=np.zeros((1, 2), np.int64))


def _normalization(operator: str, rng: Rng) -> Seed:
    if operator == "LayerNormalization":
        return _made(operator, "v scale", {"axis": -1, "epsilon": 1e-5}, scale=floats(WIDTH))
    if operator == "BatchNormalization":
        return _made(operator, "t scale bias mean var", {"epsilon": 1e-5}, scale=floats(WIDTH), bias=floats(WIDTH),
                     mean=floats(WIDTH), var=floats(WIDTH) ** 2)  # fmt: skip
    if operator == "GroupNormalization":
        return _made(
            operator, "t scale bias", {"num_groups": WIDTH, "epsilon": 1e-5}, scale=floats(WIDTH), bias=floats(WIDTH)
        )
    return _made(operator, "t scale bias", {"epsilon": 1e-5}, scale=floats(WIDTH), bias=floats(WIDTH))


def _shapes(operator: str, rng: Rng) -> Seed:
    made: dict[str, Seed] = {
        "Cast": _made("Cast", "v", {"to": rng.choice((TensorProto.INT64, TensorProto.DOUBLE, TensorProto.FLOAT16))}),
        "Concat": _made("Concat", "v v", {"axis": 2}),
        "ConstantOfShape": _made("ConstantOfShape", rng.choice(("shape", "c")), c=integers(2, 3)),
        "CumSum": _made("CumSum", "v c", {"exclusive": 0, "reverse": 0}, c=np.int64(2)),
        "Expand": _made("Expand", "v c", c=integers(2, 1, WIDTH)),
        "Flatten": _made("Flatten", "v", {"axis": 1}),
        "Pad": _made("Pad", "v c", {"mode": rng.choice(("constant", "edge", "reflect"))}, c=integers(0, 0, 1, 0, 0, 1)),
        "Range": _made("Range", "zero n one", zero=np.int64(0), one=np.int64(1)),
        "Reshape": _made("Reshape", "v c", {"allowzero": 0}, c=integers(0, 0, 3, 1)),
        "Resize": _made("Resize", "v   c", {"mode": "nearest"}, c=integers(1, 2, 6)),
        "Shape": _made("Shape", "v", {"start": 0, "end": 3}),
        "Slice": _made("Slice", "v a z x1 step", a=integers(0), z=integers(2), x1=integers(2), step=integers(1)),
        "Split": _made("Split", "v c", {"axis": 2}, c=integers(1, 2)),
        "Squeeze": _made("Squeeze", "v c", c=integers(0)),
        "Tile": _made("Tile", "v c", c=integers(1, 1, 2)),
        "Transpose": _made("Transpose", "v", {"perm": [0, 2, 1]}),
        "Trilu": _made("Trilu", "v c", {"upper": 1}, c=np.int64(0)),
        "Unsqueeze": _made("Unsqueeze", "v c", c=integers(1)),
        "Where": _made("Where", "b v c", c=floats(WIDTH)),
        "Clip": _made("Clip", "v low high", low=np.float32(-1), high=np.float32(1)),
        "PRelu": _made("PRelu", "v c", c=floats(WIDTH)),
        "Dropout": _made("Dropout", "v"),
    }
    chosen = made[operator]
    chosen.outputs = 2 if operator == "Split" else 1
    return chosen


def _scan(operator: str, rng: Rng) -> Seed:
    nodes = [helper.make_node("Add", ["a", "e"], ["f"]), helper.make_node("Tanh", ["f"], ["g"]),
             helper.make_node("Identity", ["g"], ["k"])]  # fmt: skip
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, WIDTH]) for name in "aegk"]
    body = helper.make_graph(nodes, "body", info[:2], info[2:])
    return Seed("Scan", ["first", "s"], {"num_scan_inputs": 1, "body": body}, {"first": floats(1, WIDTH)}, outputs=2)


_FAMILIES: tuple[tuple[Callable[[str, Rng], Seed], str], ...] = (
    (_unary, """Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish
        Identity IsInf IsNaN LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign
        Sqrt Tan Tanh ThresholdedRelu"""),
    (_binary, "Add Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Pow Sub Sum"),
    (_integer_binary, "Mod"),
    (_logical, "And Or Xor Not"),
    (_reduction, """ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
        ReduceSumSquare ArgMax ArgMin"""),
    (_axis, "Softmax LogSoftmax Hardmax LpNormalization"),
    (_convolution, "Conv ConvTranspose"),
    (_pool, "AveragePool MaxPool GlobalAveragePool GlobalMaxPool"),
    (_recurrent, "RNN GRU LSTM"),
    (_product, "MatMul Gemm"),
    (_gather, "Gather GatherElements GatherND"),
    (_normalization, "LayerNormalization BatchNormalization GroupNormalization InstanceNormalization"),
    (_shapes, """Cast Concat ConstantOfShape CumSum Expand Flatten Pad Range Reshape Resize Shape Slice Split Squeeze
        Tile Transpose Trilu Unsqueeze Where Clip PRelu Dropout"""),
    (_scan, "Scan"),
)  # fmt: skip
SEEDS = {operator: family for family, names in _FAMILIES for operator in names.split()}
