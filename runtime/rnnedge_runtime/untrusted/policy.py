"""What an untrusted file may be: the walk over its graph, before onnxruntime sees a byte of it.

1. The file is one message by the grammar of `grammar.py`, not longer than the limits.
2. Every metadata entry has a key of rnnedge, once. So `ort_config`, which can set the options of a session, is refused.
3. Every node is what `operator_table` allows; there are a limited number of them, and of graphs within graphs.
4. An initializer holds exactly the bytes of its dims, of a known type, without NaN. (Infinity is how a softmax, a
   maximum or a minimum leaves a frame out.)
5. Numbers that kernels compute sizes from are small: dims, and the constant targets of operators that fill.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnedge_runtime._protobuf_writer import write
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Message, Reader
from rnnedge_runtime.untrusted._guards import Guards
from rnnedge_runtime.untrusted._node_reader import read_node
from rnnedge_runtime.untrusted._scope import Scope
from rnnedge_runtime.untrusted._sizes import check_dim, check_fill, check_tensor
from rnnedge_runtime.untrusted.limits import Limits
from rnnedge_runtime.untrusted.onnx_grammar import FORBIDDEN, MODEL
from rnnedge_runtime.untrusted.operator_table import check_node, result_shapes, result_types

_KEYS = ("rnnedge.schema", "rnnedge.contract", "rnnedge.golden", "rnnedge.sha256")
# Of the last one only the operators of `operator_table/quantized.py`.
_ONNX = "ai.onnx"
_DOMAINS = ("", _ONNX, "com.microsoft")
# Model > (graph > node > attribute) for each graph in another > tensor, or a value's type, shape and dimension.
_MESSAGES_PER_GRAPH, _MESSAGES_AROUND = 3, 6


def check_policy(data: bytes, limits: Limits) -> bytes:
    """The file as onnxruntime is to get it: `data`, or with the nodes of `guards.py`.

    Raises `ModelRefused` naming the first thing in the file that the module's docstring does not allow.
    """
    if len(data) > limits.file_bytes:
        raise ModelRefused(f"expected at most {limits.file_bytes:,} bytes, found {len(data):,}")
    model = _read(data, limits)
    _check_entries(model, limits)
    _check_opsets(model.get("opset_import", ()))
    if "graph" not in model:
        raise ModelRefused("expected a graph, found none")
    walk = _Walk(limits)
    walk.graph(model["graph"], 1)
    return write(MODEL, model) if walk.guards else data


def read_graph(data: bytes, limits: Limits) -> Message:
    """The graph of a file that `check_policy` has passed."""
    graph: Message = _read(data, limits)["graph"]
    return graph


def _read(data: bytes, limits: Limits) -> Message:
    depth = limits.graphs_deep * _MESSAGES_PER_GRAPH + _MESSAGES_AROUND
    return Reader(data, limits.fields, depth, FORBIDDEN).read(MODEL)


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


def _check_opsets(opsets: Sequence[Message]) -> None:
    """Each domain has one version: of two, one reader takes the first and another one the last."""
    seen = set()
    for opset in opsets:
        _check_domain(opset, "opset_import")
        domain = opset.get("domain", "") or _ONNX
        if domain in seen:
            raise ModelRefused(f"opset_import: expected one version of {domain!r}, found two")
        seen.add(domain)


def _check_domain(holder: Message, place: str) -> None:
    domain = holder.get("domain", "")
    if domain not in _DOMAINS:
        raise ModelRefused(f"{place}: expected an operator of ONNX itself, found the domain {domain[:60]!r}")


class _Walk:
    """Goes through a graph and those within it, counting nodes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._nodes = limits.nodes
        self.guards = Guards()

    def graph(
        self, graph: Message, depth: int, types: Sequence[str | None] | None = None, outer: Scope | None = None
    ) -> list[str | None]:
        """Returns the types of what the graph gives; `types` are those of what the node around it gives to it."""
        if depth > self._limits.graphs_deep:
            raise ModelRefused(f"graph: expected at most {self._limits.graphs_deep} in each other, found more")
        for tensor in graph.get("initializer", ()):
            check_tensor(tensor, f"initializer {_shown(tensor)}", self._limits)
        for side in ("input", "output", "value_info"):
            for value in graph.get(side, ()):
                self._value(value, f"{side} {_shown(value)}")
        scope = Scope(graph, types, outer)
        graph["node"] = [one for message in graph.get("node", ()) for one in self._node(message, depth, scope)]
        return [scope.type(value.get("name", "")) for value in graph.get("output", ())]

    def _node(self, message: Message, depth: int, scope: Scope) -> list[Message]:
        """What is to stand in the place of a node: itself, and guards before it."""
        self._nodes -= 1
        if self._nodes < 0:
            raise ModelRefused(f"graph: expected at most {self._limits.nodes:,} nodes, found more")
        node = read_node(message, scope, self._limits)
        _check_domain(message, node.place)
        for name in node.inputs:
            if name and not scope.knows(name):
                node.refuse("inputs that are there before the node", repr(name[:60]))
        check_node(node)
        check_fill(node, self._limits)
        types = result_types(node)
        for attribute in message.get("attribute", ()):
            if "g" in attribute:
                types = self.graph(attribute["g"], depth + 1, [node.type(k) for k in range(len(node.inputs))], scope)
        nodes = self.guards.before(node, message, scope)
        scope.add(node, types, result_shapes(node))
        return nodes

    def _value(self, value: Message, place: str) -> None:
        tensor = value.get("type", {}).get("tensor_type", {})
        for dim in tensor.get("shape", {}).get("dim", ()):
            if "dim_value" in dim and "dim_param" in dim:
                raise ModelRefused(f"{place}: expected a number or a name for a dim, found both")
            check_dim(dim.get("dim_value", 0), place, self._limits)


def _shown(named: Message) -> str:
    return repr(named.get("name", "")[:60])
