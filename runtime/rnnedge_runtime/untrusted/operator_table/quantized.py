"""Operators over integers that onnxruntime adds to ONNX: what their kernels take from shapes without looking.

Weights, scales, zero points and biases are initializers whose sizes fit each other and the attributes.
Source: onnxruntime, ContribOperators.md.
"""

from __future__ import annotations

from math import prod

from rnnedge_runtime.untrusted.operator_table.attributes import AXIS, FLAG, LARGEST, Integer, Number, Word
from rnnedge_runtime.untrusted.operator_table.node import Node
from rnnedge_runtime.untrusted.operator_table.shapes import axis_in, fits, known_rank, times
from rnnedge_runtime.untrusted.operator_table.table import Row, Shapes, Types, rows

_BLOCKS = (16, 32, 64, 128, 256)
_UINT8, _INT8 = 2, 3


def _dims(node: Node, index: int) -> tuple[int, ...] | None:
    """The dims of a constant input; None if there is no such input."""
    if not node.has(index):
        return None
    constant = node.constant(index)
    if constant is None:
        node.refuse(f"a constant as input {index}", repr(node.inputs[index][:60]))
    dims: tuple[int, ...] = constant.shape
    return dims


def _expect(node: Node, index: int, *sizes: int, optional: bool = False) -> None:
    """A constant input has one of `sizes` numbers."""
    dims = _dims(node, index)
    if dims is None and optional:
        return
    if dims is None or prod(dims) not in sizes:
        node.refuse(f"{' or '.join(map(str, sizes))} numbers as input {index}", f"dims {dims}")


def _blocks(node: Node) -> None:
    """MatMulNBits: q (N, blocks, bytes), a scale and perhaps a zero point for each block, an optional bias (N)."""
    rows_, columns, bits, block = (node.get(name, 0) for name in ("K", "N", "bits", "block_size"))
    if bits not in (4, 8) or block not in _BLOCKS:
        node.refuse("4 or 8 bits, a block of 16 to 256", (bits, block))
    blocks = -(-rows_ // block)
    dims = (columns, blocks, block * bits // 8)
    if _dims(node, 1) != dims:
        node.refuse(f"weights of dims {dims}", _dims(node, 1))
    _expect(node, 2, columns * blocks)
    if node.has(4):
        node.refuse("no order of groups", "one")
    if node.has(3) and node.type(3) != "uint8":
        node.refuse("zero points of uint8", node.type(3))
    _expect(node, 3, columns * -(-blocks * bits // 8), optional=True)
    _expect(node, 5, columns, optional=True)


def _integers(node: Node) -> None:
    """MatMulIntegerToFloat: q (K, N); scales and zero points of x one number, of q one or N; an optional bias (N)."""
    dims = _dims(node, 1)
    if dims is None or len(dims) != 2 or min(dims) < 1:
        node.refuse("weights of two axes", dims)
    columns = dims[1]
    _expect(node, 2, 1)
    scales = _dims(node, 3)
    _expect(node, 3, 1, columns)
    _expect(node, 4, 1)
    _expect(node, 5, prod(scales or ()))
    _expect(node, 6, columns, optional=True)


def _lstm(node: Node) -> None:
    """DynamicQuantizeLSTM: W (D, I, 4H), R (D, H, 4H), B (D, 8H), a scale and a zero point for each direction."""
    w, r, hidden = _dims(node, 1), _dims(node, 2), node.get("hidden_size")
    if w is None or r is None or len(w) != 3 or len(r) != 3 or w[0] not in (1, 2):
        node.refuse("weights of three axes", (w, r))
    directions = w[0]
    if w[2] != 4 * hidden or r != (directions, hidden, 4 * hidden) or w[1] < 1:
        node.refuse(f"W ({directions}, inputs, {4 * hidden}) and R ({directions}, {hidden}, {4 * hidden})", (w, r))
    if directions != (2 if node.get("direction") == "bidirectional" else 1):
        node.refuse(f"weights of {directions} directions", node.get("direction", "forward"))
    _expect(node, 3, directions * 8 * hidden, optional=True)
    if node.has(4):
        node.refuse("no sequence lengths", "some")
    _expect(node, 7, directions * 3 * hidden, optional=True)
    for index in range(8, 12):
        _expect(node, index, directions)


def _rows(node: Node, depth: int, columns: int) -> Shapes:
    """(..., depth) times (depth, columns)."""
    x = node.shape(0)
    if x is None:
        return (None,)
    if not x or x[-1] not in (depth, None):
        node.refuse(f"rows of {depth} numbers as input 0", x)
    return ((*x[:-1], columns),)


def _blocks_shape(node: Node) -> Shapes:
    return _rows(node, node.get("K"), node.get("N"))


def _integers_shape(node: Node) -> Shapes:
    depth, columns = _dims(node, 1) or (0, 0)
    return _rows(node, depth, columns)


def _lstm_shape(node: Node) -> Shapes:
    """W (D, I, 4H): a frame has I numbers, a state (D, batch, H)."""
    w, x, hidden = _dims(node, 1) or (0, 0, 0), known_rank(node, 0, 3) or (None,) * 3, node.get("hidden_size")
    directions = 2 if node.get("direction", "forward") == "bidirectional" else 1
    if w[0] != directions or x[2] not in (w[1], None) or 0 in x:
        node.refuse(f"W of {directions} directions, and frames of {w[1]} numbers", (w, x))
    state = (directions, x[1], hidden)
    for k in (5, 6):
        fits(node, node.shape(k), state, "an initial state")
    return ((x[0], directions, x[1], hidden), state, state)


def _grid_shape(node: Node) -> Shapes:
    """A scale for all numbers or for each place of an axis, and as many zero points."""
    x, scale, zero = node.shape(0), node.shape(1), node.shape(2)
    if scale is not None and zero is not None:
        fits(node, zero, scale, "zero points")
    if x is None or scale is None or times(scale) in (1, None):
        return (x,)
    if len(scale) == 1:
        length = x[axis_in(node, node.get("axis", 1), len(x))] if x else None
        fits(node, scale, (length,), "scales")
    elif not node.get("block_size", 0):
        node.refuse("one scale, or one row of them", scale)
    return (x,)


def _quantized_type(node: Node) -> Types:
    zero, given = node.type(2), {_UINT8: "uint8", _INT8: "int8"}.get(node.get("output_dtype", 0))
    return (zero if node.has(2) else given or "uint8",)


rows(
    "QuantizeLinear",
    Row(
        (2, 3),
        attributes={
            "axis": AXIS,
            "block_size": Integer(0, LARGEST),
            "output_dtype": Integer(0, _INT8),
            "precision": Integer(0, 1),
            "saturate": FLAG,
        },
        result=_quantized_type,
        shapes=_grid_shape,
    ),
)
rows(
    "com.microsoft::MatMulNBits",
    Row(
        (3, 6),
        optional_inputs=(3, 4),
        attributes={
            "K": Integer(1, LARGEST, required=True),
            "N": Integer(1, LARGEST, required=True),
            "accuracy_level": Integer(0, 4),
            "bits": Integer(4, 8, required=True),
            "block_size": Integer(16, 256, required=True),
        },
        check=_blocks,
        shapes=_blocks_shape,
    ),
)
rows("com.microsoft::MatMulIntegerToFloat", Row((6, 7), result="float32", check=_integers, shapes=_integers_shape))
rows(
    "com.microsoft::DynamicQuantizeLSTM",
    Row(
        (12, 12),
        (0, 3),
        (3, 4, 5, 6, 7),
        True,
        {
            "clip": Number(0.0),
            "direction": Word(("forward", "reverse", "bidirectional")),
            "hidden_size": Integer(1, LARGEST, required=True),
            "input_forget": FLAG,
        },
        check=_lstm,
        shapes=_lstm_shape,
    ),
)
