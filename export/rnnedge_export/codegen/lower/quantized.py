"""Products with int8 and int4 weights, with the grids and the exact integer sums of onnxruntime.

x is rounded to uint8 by QuantizeLinear, or block by block to int8 inside MatMulNBits. Results of products are float32.
"""

from __future__ import annotations

import numpy as np

from rnnedge_export.codegen._ir.qgemm import PANEL, BlockProduct, ByteProduct, RoundBlocks
from rnnedge_export.codegen._ir.tensors import BYTE, FLOAT, Array, plain
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._gemm import rows_of
from rnnedge_export.codegen.lower._qgemm import emit_product, kind_of, packed_bytes, panels_of
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined

_FAST = 4


@rule("QuantizeLinear", integers=True)
def quantize(scope: SymbolTable, node: Node) -> Result:
    """float32 to uint8 with one constant scale and zero point."""
    node.only("block_size", 0)
    node.only("output_dtype", 0, 2)
    node.only("precision", 0, 1)
    # Neither says anything of one scale and of integers.
    node.attribute("axis"), node.attribute("saturate")
    scale = _single(scope, node, 1, "scale")
    zero = _single(scope, node, 2, "zero point") if node.has(2) else np.zeros((), np.uint8)
    tensor = scope.input(node, 0)
    if zero.dtype != np.uint8 or tensor.kind != FLOAT:
        node.refuse(f"to {zero.dtype}: expected float32 to uint8")
    return [combined(scope, "rounded_byte", [tensor, float(scale.item()), int(zero.item())], BYTE, costly=True)]


@rule("com.microsoft::MatMulIntegerToFloat", integers=True)
def integer_product(scope: SymbolTable, node: Node) -> Result:
    """uint8 rows times constant int8 weights, a scale for all or for each column, with a bias."""
    tensor, weights = scope.input(node, 0), scope.array(node, 1, "weights")
    if tensor.kind != BYTE or weights.dtype != np.int8 or weights.ndim != 2:
        node.refuse("expected uint8 numbers of QuantizeLinear and an int8 matrix")
    zero = _single(scope, node, 4, "zero point of x") if node.has(4) else np.zeros((), np.uint8)
    if node.has(5) and np.any(scope.array(node, 5, "zero point of the weights")):
        node.refuse("the weights have a zero point: expected 0")
    depth, columns = weights.shape
    if depth * 255 * 128 >= 1 << 31:
        node.refuse(f"{depth} rows of weights: sums may leave 32 bits")
    scale = _single(scope, node, 2, "scale of x").astype(np.float32) * scope.array(node, 3, "scale of the weights")
    bias = scope.array(node, 6, "bias") if node.has(6) else np.zeros(columns, np.float32)
    program, rows = scope.program, int(np.prod(tensor.shape[:-1], dtype=np.int64))
    view, offset, row, _ = rows_of(program, tensor, steps=False)
    program.weights.check_room((depth + 3) * (columns + PANEL))
    packed = packed_bytes(program, panels_of(weights), columns)
    pad = -columns % PANEL
    column_sums = np.pad(weights.astype(np.int32).sum(0), (0, pad))
    sums = program.weights.bytes(column_sums.astype("<i4").view(np.int8))
    factors = program.weights.floats(np.pad(np.broadcast_to(scale.ravel(), columns), (0, pad)))
    added = program.weights.floats(np.pad(bias.ravel(), (0, pad)))
    target = program.new((*tensor.shape[:-1], columns))
    x = (view.buffer, offset, row, int(zero.item()))
    product = ByteProduct(kind_of(weights), rows, depth, *x, packed, sums, factors, added, target.buffer)
    emit_product(program, product)
    return [plain(target)]


@rule("com.microsoft::MatMulNBits")
def block_product(scope: SymbolTable, node: Node) -> Result:
    """Rows times constant weights of 8 or 4 bits in blocks, without zero points; rows are rounded in blocks too."""
    bits, block = int(node.attribute("bits", 4)), int(node.attribute("block_size"))
    depth, columns = int(node.attribute("K")), int(node.attribute("N"))
    node.only("bits", 4, 8)
    node.only("accuracy_level", 0, _FAST)
    if node.attribute("accuracy_level") != _FAST or block % 8:
        node.refuse(f"accuracy_level = {node.attribute('accuracy_level', 0)}, block_size = {block}: expected 4, and 8n")
    if node.has(3) or node.has(4):
        node.refuse("zero points or an order of groups: expected none")
    tensor = scope.input(node, 0)
    stored = scope.array(node, 1, "weights").reshape(columns, -1)
    q: Array = stored if bits == 8 else np.stack([stored & 15, stored >> 4], axis=-1).reshape(columns, -1)
    blocks = q.shape[1] // block
    scale = scope.array(node, 2, "scales").reshape(columns, blocks)
    bias = scope.array(node, 5, "bias") if node.has(5) else np.zeros(columns, np.float32)
    if bits == 8 and not q.all():
        node.refuse("a weight of -128: expected -127 to 127")
    program = scope.program
    rows = int(np.prod(tensor.shape[:-1], dtype=np.int64))
    view, offset, row, step = rows_of(program, tensor)
    x, facts = program.buffer(rows * blocks * block, BYTE), program.buffer(2 * rows * blocks)
    program.emit(RoundBlocks(rows, depth, block, blocks, view.buffer, offset, row, step, x, facts))
    program.weights.check_room(blocks * block * (columns + PANEL) * bits // 8)
    if bits == 8:
        panels = panels_of((q.astype(np.int16) - 128).astype(np.int8).T)
    else:
        # Four rows in the low halves of the bytes, the next four in the high ones.
        wide = panels_of(q.astype(np.int8).T).reshape(-1, blocks * block // 8, 2, PANEL * 4).view(np.uint8)
        panels = (wide[:, :, 0] | wide[:, :, 1] << 4).view(np.int8)
    packed = packed_bytes(program, panels, columns)
    pad = -columns % PANEL
    scales = np.pad(scale, ((0, pad), (0, 0))).reshape(-1, PANEL, blocks).swapaxes(1, 2)
    factors, added = program.weights.floats(scales), program.weights.floats(np.pad(bias.ravel(), (0, pad)))
    target = program.new((*tensor.shape[:-1], columns))
    emit_product(program, BlockProduct(bits, rows, block, blocks, x, facts, packed, factors, added, target.buffer))
    return [plain(target)]


@rule("com.microsoft::DynamicQuantizeLSTM")
def dynamic_lstm(scope: SymbolTable, node: Node) -> Result:
    """Refused: its one scale for a whole tensor makes the frames of a call depend on each other."""
    node.refuse("one scale for all frames of a call; export the file with form 'step'")


def _single(scope: SymbolTable, node: Node, k: int, what: str) -> Array:
    found = scope.array(node, k, what)
    if found.size != 1:
        node.refuse(f"{what} of shape {found.shape}: expected one number")
    return found.reshape(())
