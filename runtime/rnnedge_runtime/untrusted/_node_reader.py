"""Nodes of a protobuf message as the operator table sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Message
from rnnedge_runtime.untrusted._scope import Scope
from rnnedge_runtime.untrusted._sizes import check_tensor, tensor_array
from rnnedge_runtime.untrusted.limits import Limits
from rnnedge_runtime.untrusted.operator_table import Body, Node

# AttributeProto.AttributeType: the field that holds the value, and what stands there where the field is not written.
_FIELDS: dict[int, tuple[str, Any]] = {
    1: ("f", 0.0), 2: ("i", 0), 3: ("s", b""), 4: ("t", None), 5: ("g", None),
    6: ("floats", ()), 7: ("ints", ()), 8: ("strings", ()),
}  # fmt: skip
_ALL_FIELDS = frozenset(name for name, _ in _FIELDS.values())
_DEFAULT_DOMAINS = ("", "ai.onnx")


def read_node(message: Message, scope: Scope, limits: Limits) -> Node:
    """The node of a message, in a graph of which `scope` knows the values.

    Raises `ModelRefused` for attributes that are there twice, or have more or another value than their type says.
    """
    place = f"node {message.get('name', '')[:60]!r}"
    domain, operator = message.get("domain", ""), message.get("op_type", "")
    attributes: dict[str, Any] = {}
    for attribute in message.get("attribute", ()):
        name = attribute.get("name", "")
        where = f"{place}, attribute {name[:60]!r}"
        if name in attributes:
            raise ModelRefused(f"{where}: expected it once, found it twice")
        attributes[name] = _value(attribute, where, limits)
    return Node(
        operator if domain in _DEFAULT_DOMAINS else f"{domain}::{operator}",
        tuple(message.get("input", ())),
        tuple(message.get("output", ())),
        attributes,
        scope.shape,
        scope.type,
        scope.constant,
        place,
    )


def _value(attribute: Message, place: str, limits: Limits) -> Any:
    kind = attribute.get("type", 0)
    field, default = _FIELDS.get(kind, ("", None))
    found = _ALL_FIELDS & attribute.keys()
    if not field or found - {field}:
        raise ModelRefused(f"{place}: expected one value of its type, found type {kind} and {sorted(found)}")
    value = attribute.get(field, default)
    if field in ("t", "g") and value is None:
        raise ModelRefused(f"{place}: expected a value, found none")
    read: Callable[[Any], Any] | None = _READ.get(field)
    if field == "t":
        check_tensor(value, place, limits)
    return read(value) if read else value


def _text(value: Any) -> str:
    try:
        return str(bytes(value), "utf-8")
    except UnicodeDecodeError:
        return "\N{REPLACEMENT CHARACTER}"


_READ: dict[str, Callable[[Any], Any]] = {
    "s": _text,
    "strings": lambda values: [_text(value) for value in values],
    "t": tensor_array,
    "g": lambda graph: Body(len(graph.get("input", ())), len(graph.get("output", ()))),
}
