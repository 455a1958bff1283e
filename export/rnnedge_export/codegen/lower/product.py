"""Products of matrices, one of which is constant or neither."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from rnnedge_export.codegen._ir.gemm import MatMul, Place, Taps, flat
from rnnedge_export.codegen._ir.tensors import Memory, Tensor, View, affine, plain
from rnnedge_export.codegen._nodes.limits import check_elements
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen._nodes.product_fusion import PRODUCT
from rnnedge_export.codegen.lower._gemm import gemm, narrow_enough, packed, rows_of
from rnnedge_export.codegen.lower._registry import Result, rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined


@rule(PRODUCT)
def product(scope: SymbolTable, node: Node) -> Result:
    """Sum of products with constant weights; see `products`."""
    program = scope.program
    weights, grids, bias = node.attribute("weights"), node.attribute("grids"), node.attribute("bias")
    starts, columns = node.attribute("starts"), node.attribute("columns")
    operands = [scope.input(node, k) for k in range(len(weights))]
    lead = operands[0].shape[:-1]
    rows = int(np.prod(lead, dtype=np.int64))
    taps = [_rows(scope, operand) for operand in operands]
    width = int(sum(columns))
    target = program.new((*lead, width))
    out = Place(target.buffer, 0, width)
    start = _start(scope, node, lead, width) if starts else None
    if starts and np.any(bias):
        start = _start(scope, node, lead, width, bias)
    k = 0
    while k < len(taps):
        added = bias if k == 0 else np.zeros(width, np.float32)
        before, grid = out if k else start, grids[k]
        if grid is not None and narrow_enough(program, weights[k].nbytes):
            count, matrix = 1, packed(program, grid.q, added, grid.scale)
        else:
            joined = np.concatenate(weights[k : k + 2])
            count, matrix = 2, packed(program, joined, added, split=len(weights[k]))
        one = gemm(matrix, rows, tuple(taps[k : k + count]), before, out)
        if matrix.swept:
            program.sweep(one, target.buffer)
        else:
            program.emit(one)
        k += count
    edges = np.cumsum([0, *columns])
    return [plain(View(target.buffer, target.index[..., a:b])) for a, b in pairwise(edges)]


def _rows(scope: SymbolTable, tensor: Tensor) -> Taps:
    view, offset, row, step = rows_of(scope.program, tensor)
    return flat(view.buffer, offset, row, step, tensor.shape[-1])


def _start(scope: SymbolTable, node: Node, lead: Sequence[int], width: int, bias: object = None) -> Place:
    """What the sums start from, as rows that may be read a panel beyond their end."""
    tensor = scope.input(node, len(node.inputs) - 1)
    if bias is not None:
        tensor = combined(scope, "add", [tensor, scope.program.constant(np.asarray(bias))])
    tensor = tensor.rearranged(lambda index: np.broadcast_to(index, (*lead, width)))
    view = scope.program.materialized(tensor)
    rows = int(np.prod(lead, dtype=np.int64))
    found = affine(view.index.reshape(rows, width))
    # A port of the caller ends where it ends.
    if found is None or (found[1][1] != 1 and width > 1) or view.buffer.memory is Memory.PORT:
        view = scope.program.materialized(tensor, packed=True, fresh=True)
        found = affine(view.index.reshape(rows, width))
    assert found is not None
    return Place(view.buffer, found[0], found[1][0])


@rule("MatMul", "Gemm")
def between(scope: SymbolTable, node: Node) -> Result:
    """A product of two computed matrices, such as the scores of attention: rows times columns, in plain loops."""
    program = scope.program
    if node.op == "Gemm":
        node.only("alpha", 1.0)
        node.only("beta", 1.0)
    a, b = scope.input(node, 0), scope.input(node, 1)
    if node.attribute("transA", 0):
        a = a.rearranged(np.transpose)
    if node.attribute("transB", 0):
        b = b.rearranged(np.transpose)
    if not a.shape or not b.shape:
        node.refuse(f"of shapes {a.shape} and {b.shape}: expected matrices or vectors")
    vectors = [axis for axis, one in ((-2, a), (-1, b)) if len(one.shape) == 1]
    a = a.rearranged(np.atleast_2d)
    b = b.rearranged(lambda index: index[:, None] if index.ndim == 1 else index)
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    (m, depth), n = a.shape[-2:], b.shape[-1]
    for shape in ((*lead, m, depth), (*lead, depth, n)):
        check_elements(node, shape)
    left = _strided(scope, a.rearranged(lambda index: np.broadcast_to(index, (*lead, m, depth))))
    right = _strided(scope, b.rearranged(lambda index: np.broadcast_to(index, (*lead, depth, n))))
    target = program.new((*lead, m, n))
    (a0, a_steps), (b0, b_steps) = left.strides() or (0, ()), right.strides() or (0, ())
    program.emit(MatMul(lead, m, depth, n, (left.buffer, a0, a_steps), (right.buffer, b0, b_steps), target.buffer))
    result = plain(target).rearranged(lambda index: np.squeeze(index, tuple(vectors)))
    if node.op == "Gemm" and node.has(2):
        result = combined(scope, "add", [result, scope.input(node, 2)])
    return [result]


def _strided(scope: SymbolTable, tensor: Tensor) -> View:
    view = scope.program.materialized(tensor)
    return view if view.strides() is not None else scope.program.materialized(tensor, packed=True, fresh=True)
