"""A node as the table sees it, whoever asks: names, attributes as plain values, and what is known of its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused

Shape = tuple["int | None", ...]
"""The dims of a tensor; None is a dim that is not known."""


@dataclass(frozen=True)
class Body:
    """The graph of a `Scan`: how many values it takes and gives."""

    inputs: int
    outputs: int


def _unknown(_: str) -> None:
    return None


@dataclass(frozen=True, eq=False)
class Node:
    """One operation.

    `operator` is a name of ONNX's own domain, such as "Conv", or "domain::name". Attributes are int, float, str, lists
    of these, a numpy array for a tensor, or a `Body`. `shape_of`, `type_of` and `constant_of` say what is known of a
    value by name: its `Shape`, its dtype as numpy calls it, its array. None: not known. `place` begins every message.

    A shape may be what the file claims of a value: a check may refuse a node for it, and never be content because of
    it. Types and constants are certain.
    """

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shape_of: Callable[[str], Shape | None] = _unknown
    type_of: Callable[[str], str | None] = _unknown
    constant_of: Callable[[str], Array | None] = _unknown
    place: str = "node"

    def has(self, k: int) -> bool:
        """Whether input `k` is there."""
        return k < len(self.inputs) and bool(self.inputs[k])

    def shape(self, k: int) -> Shape | None:
        """The shape of input `k`; None where it is not there or not known."""
        return self.shape_of(self.inputs[k]) if self.has(k) else None

    def rank(self, k: int) -> int | None:
        """How many axes input `k` has."""
        shape = self.shape(k)
        return None if shape is None else len(shape)

    def type(self, k: int) -> str | None:
        """The dtype of input `k`, such as "float32"."""
        return self.type_of(self.inputs[k]) if self.has(k) else None

    def constant(self, k: int) -> Array | None:
        """The numbers of input `k`, where they are constant."""
        return self.constant_of(self.inputs[k]) if self.has(k) else None

    def get(self, name: str, default: Any = None) -> Any:
        """The value of an attribute, of the kind that the row says."""
        return self.attributes.get(name, default)

    def refuse(self, expected: str, found: object) -> NoReturn:
        """Raise `ModelRefused`."""
        raise ModelRefused(f"{self.place}: expected {expected}, found {str(found)[:80]}")
