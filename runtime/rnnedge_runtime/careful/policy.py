"""What a file from somebody else may be: the walk over its graph, before onnxruntime sees a byte of it.

1. The file is one message by the grammar of `grammar.py`, not longer than the limits.
2. Every metadata entry has a key of rnnedge, once. So `ort_config`, which can set the options of a session, is refused.
3. Operators are of `operators.py` or `narrow.py`, at most so many; graphs stand in `Scan` only, at most so deep. A node
   has the inputs and outputs that its kernel will use.
4. An initializer holds exactly the bytes of its dims, of a known type, without NaN and +infinity. (-infinity is how
   attention leaves a frame out.)
5. Numbers that kernels compute sizes from are small: attributes, dims, and the constant targets of operators that fill.
"""

from __future__ import annotations

from math import isnan

from rnnedge_runtime.careful.arity import check_arity
from rnnedge_runtime.careful.grammar import FORBIDDEN, MODEL
from rnnedge_runtime.careful.limits import Limits
from rnnedge_runtime.careful.narrow import NARROW_DOMAIN, NARROW_OPERATORS, check_narrow
from rnnedge_runtime.careful.operators import DOMAINS, OPERATORS
from rnnedge_runtime.careful.sizes import check_dim, check_fill, check_tensor
from rnnedge_runtime.careful.wire import Message, Reader
from rnnedge_runtime.errors import ModelRefused

_KEYS = ("rnnedge.schema", "rnnedge.contract", "rnnedge.golden", "rnnedge.sha256")
# Model > (graph > node > attribute) for each graph in another > tensor, or a value's type, shape and dimension.
_MESSAGES_PER_GRAPH, _MESSAGES_AROUND = 3, 6


def check_policy(data: bytes, limits: Limits) -> None:
    """Raise `ModelRefused` naming the first thing in the file that the module's docstring does not allow."""
    if len(data) > limits.file_bytes:
        raise ModelRefused(f"expected at most {limits.file_bytes:,} bytes, found {len(data):,}")
    depth = limits.graphs_deep * _MESSAGES_PER_GRAPH + _MESSAGES_AROUND
    model = Reader(data, limits.fields, depth, FORBIDDEN).read(MODEL)
    _check_entries(model, limits)
    for opset in model.get("opset_import", ()):
        _check_domain(opset, "opset_import")
    if "graph" not in model:
        raise ModelRefused("expected a graph, found none")
    _Walk(limits).graph(model["graph"], 1, {})


def _check_entries(model: Message, limits: Limits) -> None:
    seen = set()
    for entry in model.get("metadata_props", ()):
        key, size = entry.get("key", ""), len(entry.get("value", b""))
        if key not in _KEYS or key in seen:
            what = "a second" if key in seen else "an unknown"
            raise ModelRefused(f"metadata: expected the entries of rnnedge, found {what} one {key[:60]!r}")
        if size > limits.entry_bytes:
            raise ModelRefused(f"metadata {key!r}: expected at most {limits.entry_bytes:,} bytes, found {size:,}")
        try:
            str(entry.get("value", b""), "utf-8")
        except UnicodeDecodeError:
            raise ModelRefused(f"metadata {key!r}: expected text in UTF-8, found other bytes") from None
        seen.add(key)


def _check_domain(holder: Message, place: str) -> None:
    domain = holder.get("domain", "")
    if domain not in DOMAINS and domain != NARROW_DOMAIN:
        raise ModelRefused(f"{place}: expected an operator of ONNX itself, found the domain {domain[:60]!r}")


class _Walk:
    """Goes through a graph and those within it, counting nodes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes = limits.nodes

    def graph(self, graph: Message, depth: int, outer: dict[str, Message]) -> None:
        if depth > self._limits.graphs_deep:
            raise ModelRefused(f"graph: expected at most {self._limits.graphs_deep} in each other, found more")
        constants = dict(outer)
        for tensor in graph.get("initializer", ()):
            check_tensor(tensor, f"initializer {_shown(tensor)}", self._limits)
            constants[tensor.get("name", "")] = tensor
        for side in ("input", "output", "value_info"):
            for value in graph.get(side, ()):
                self._value(value, f"{side} {_shown(value)}")
        for node in graph.get("node", ()):
            self._node(node, depth, constants)

    def _node(self, node: Message, depth: int, constants: dict[str, Message]) -> None:
        self._nodes -= 1
        if self._nodes < 0:
            raise ModelRefused(f"graph: expected at most {self._limits.nodes:,} nodes, found more")
        operator, domain = node.get("op_type", ""), node.get("domain", "")
        place = f"node {_shown(node)}"
        _check_domain(node, place)
        if operator not in (NARROW_OPERATORS if domain == NARROW_DOMAIN else OPERATORS):
            raise ModelRefused(f"{place}: expected an operator that rnnedge writes, found {operator[:60]!r}")
        for attribute in node.get("attribute", ()):
            self._attribute(attribute, operator, f"{place}, attribute {_shown(attribute)}", depth,
                            constants)  # fmt: skip
        check_arity(node, place)
        if domain == NARROW_DOMAIN:
            check_narrow(node, constants, place)
        check_fill(operator, [constants.get(name) for name in node.get("input", ())], place, self._limits)
        # A later node may write a value of the same name; what is constant is known from initializers only.
        for name in node.get("output", ()):
            constants.pop(name, None)

    def _attribute(
        self, attribute: Message, operator: str, place: str, depth: int, constants: dict[str, Message]
    ) -> None:
        largest = self._limits.attribute
        for number in (attribute.get("i", 0), *attribute.get("ints", ())):
            if abs(number) > largest:
                raise ModelRefused(f"{place}: expected at most {largest:,}, found {number}")
        if any(map(isnan, (attribute.get("f", 0.0), *attribute.get("floats", ())))):
            raise ModelRefused(f"{place}: expected a number, found NaN")
        if "t" in attribute:
            check_tensor(attribute["t"], place, self._limits)
        if "g" in attribute:
            if operator != "Scan":
                raise ModelRefused(f"{place}: expected a graph in Scan only, found one in {operator}")
            self.graph(attribute["g"], depth + 1, constants)

    def _value(self, value: Message, place: str) -> None:
        tensor = value.get("type", {}).get("tensor_type", {})
        for dim in tensor.get("shape", {}).get("dim", ()):
            if "dim_value" in dim and "dim_param" in dim:
                raise ModelRefused(f"{place}: expected a number or a name for a dim, found both")
            check_dim(dim.get("dim_value", 0), place, self._limits)


def _shown(named: Message) -> str:
    return repr(named.get("name", "")[:60])
