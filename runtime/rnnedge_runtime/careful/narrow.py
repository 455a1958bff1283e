"""The integer operators of onnxruntime: what their kernels take from the shapes of constants without looking.

Weights, scales, zero points and biases are initializers whose sizes fit each other and the attributes.
Source: onnxruntime, ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from rnnedge_runtime.careful.wire import Message
from rnnedge_runtime.errors import ModelRefused

_BLOCKS = (16, 32, 64, 128, 256)
Dims = tuple[int, ...]


class _Node:
    """A node with its attributes and the dims of its constant inputs."""

    def __init__(self, node: Message, constants: Mapping[str, Message], place: str) -> None:
        self.place = place
        self._inputs = node.get("input", ())
        self._constants = constants
        self._attributes = {a.get("name"): a for a in node.get("attribute", ())}

    def number(self, name: str, default: int = 0) -> int:
        """An integer attribute."""
        return int(self._attributes.get(name, {}).get("i", default))

    def dims(self, index: int) -> Dims | None:
        """The dims of a constant input; None where there is no such input."""
        name = self._inputs[index] if index < len(self._inputs) else ""
        if not name:
            return None
        if name not in self._constants:
            raise ModelRefused(f"{self.place}: expected a constant as input {index}, found {name[:60]!r}")
        return tuple(self._constants[name].get("dims", ()))

    def expect(self, index: int, *sizes: int, optional: bool = False) -> None:
        """A constant input has one of `sizes` numbers."""
        dims = self.dims(index)
        if dims is None and optional:
            return
        if dims is None or prod(dims) not in sizes:
            wanted = " or ".join(map(str, sizes))
            raise ModelRefused(f"{self.place}: expected {wanted} numbers as input {index}, found dims {dims}")

    def refuse(self, expected: str, found: object) -> None:
        """Raise what is wrong."""
        raise ModelRefused(f"{self.place}: expected {expected}, found {found}")


def check_narrow(node: Message, constants: Mapping[str, Message], place: str) -> None:
    """Raise `ModelRefused` unless the constants of an integer operator fit each other."""
    _CHECKS[node.get("op_type", "")](_Node(node, constants, place))


def _blocks(node: _Node) -> None:
    """MatMulNBits: q (N, blocks, bytes), a scale for each block, no zero points, an optional bias (N)."""
    rows, columns, bits, block = (node.number(name) for name in ("K", "N", "bits", "block_size"))
    if bits not in (4, 8) or block not in _BLOCKS or rows < 1 or columns < 1:
        node.refuse("K and N of at least 1, 4 or 8 bits, a block of 16 to 256", (rows, columns, bits, block))
    blocks = -(-rows // block)
    dims = (columns, blocks, block * bits // 8)
    if node.dims(1) != dims:
        node.refuse(f"weights of dims {dims}", node.dims(1))
    node.expect(2, columns * blocks)
    if node.dims(3) is not None or node.dims(4) is not None:
        node.refuse("neither zero points nor an order of groups", "one of them")
    node.expect(5, columns, optional=True)


def _integers(node: _Node) -> None:
    """MatMulIntegerToFloat: q (K, N); scales and zero points of x one number, of q one or N; an optional bias (N)."""
    dims = node.dims(1)
    if dims is None or len(dims) != 2 or min(dims) < 1:
        node.refuse("weights of two axes", dims)
        return
    columns = dims[1]
    node.expect(2, 1)
    scales = node.dims(3)
    node.expect(3, 1, columns)
    node.expect(4, 1)
    node.expect(5, prod(scales or ()))
    node.expect(6, columns, optional=True)


def _lstm(node: _Node) -> None:
    """DynamicQuantizeLSTM: W (D, I, 4H), R (D, H, 4H), B (D, 8H), a scale and a zero point for each direction."""
    w, r, hidden = node.dims(1), node.dims(2), node.number("hidden_size")
    if w is None or r is None or len(w) != 3 or len(r) != 3 or hidden < 1 or w[0] not in (1, 2):
        node.refuse("weights of three axes and a hidden_size", (w, r, hidden))
        return
    directions = w[0]
    if w[2] != 4 * hidden or r != (directions, hidden, 4 * hidden) or w[1] < 1:
        node.refuse(f"W ({directions}, inputs, {4 * hidden}) and R ({directions}, {hidden}, {4 * hidden})", (w, r))
    node.expect(3, directions * 8 * hidden, optional=True)
    if node.dims(4) is not None:
        node.refuse("no sequence lengths", "some")
    node.expect(7, directions * 3 * hidden, optional=True)
    for index in range(8, 12):
        node.expect(index, directions)


_CHECKS = {"MatMulNBits": _blocks, "MatMulIntegerToFloat": _integers, "DynamicQuantizeLSTM": _lstm}
NARROW_OPERATORS = frozenset(_CHECKS)
NARROW_DOMAIN = "com.microsoft"
