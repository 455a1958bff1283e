"""Activations with parameters."""

from __future__ import annotations

from rnnedge_export.codegen._ir.tensors import INT, Tensor
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.lower._registry import rule
from rnnedge_export.codegen.lower._symbol_table import SymbolTable
from rnnedge_export.codegen.lower.elementwise import combined

# The attributes that are parameters, with their defaults; ONNX operator specification.
Parameters = tuple[tuple[str, float], ...]
_CHEAP: dict[str, tuple[str, Parameters]] = {
    "LeakyRelu": ("leaky", (("alpha", 0.01),)),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": ("hard_swish", ()),
    "Shrink": ("shrunk", (("lambd", 0.5), ("bias", 0.0))),
    "Softsign": ("softsign", ()),
    "ThresholdedRelu": ("above", (("alpha", 1.0),)),
}
_COSTLY: dict[str, tuple[str, Parameters]] = {
    "Elu": ("exponential_linear", (("alpha", 1.0),)),
    "Celu": ("continuous_linear", (("alpha", 1.0),)),
    "Selu": ("scaled_linear", (("alpha", 1.67326319217681884765625), ("gamma", 1.05070102214813232421875))),
    "Mish": ("mish", ()),
}


@rule(*_CHEAP, *_COSTLY)
def activation(scope: SymbolTable, node: Node) -> list[Tensor]:
    """A function of one number and of the node's attributes."""
    function, parameters = {**_CHEAP, **_COSTLY}[node.op]
    given = [float(node.attribute(name, default)) for name, default in parameters]
    return [combined(scope, function, [scope.input(node, 0), *given], costly=node.op in _COSTLY)]


@rule("Gelu")
def gelu(scope: SymbolTable, node: Node) -> list[Tensor]:
    """By the error function, or by tanh."""
    node.only("approximate", "none", "tanh")
    function = "gelu" if node.attribute("approximate", "none") == "none" else "gelu_by_tangent"
    return [combined(scope, function, [scope.input(node, 0)], costly=True)]


@rule("IsInf")
def infinite(scope: SymbolTable, node: Node) -> list[Tensor]:
    """Either infinity, or the one that the attributes name."""
    signs = [int(node.attribute(name, 1)) for name in ("detect_negative", "detect_positive")]
    return [combined(scope, "is_infinite", [scope.input(node, 0), *signs], INT)]
