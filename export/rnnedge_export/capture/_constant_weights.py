"""What a traced program computes from weights alone, by operators that no graph has, is computed now.

1. The weights of a recurrent layer in the order of ONNX, once for all calls of the layer.
2. Operators without a translation, such as the exponential of a matrix in an orthogonal parametrization.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.fx import Node
from torch.fx.node import map_arg


def with_constant_weights(program: ExportedProgram, translated: Callable[[Any], bool]) -> ExportedProgram:
    """Cases 1 and 2, in place; what depends on the input stays."""
    layer_weights = torch.ops.rnnedge.layer_weights.default
    known, made = weights(program), dict[Any, list[Node]]()
    for node in list(program.graph.find_nodes(op="call_function", target=layer_weights)):
        _replace(program, node, known, made)
    for node in list(program.graph.nodes):
        if isinstance(node.target, OpOverload) and not translated(node.target):
            _replace(program, node, known, made)
    return program


def _replace(program: ExportedProgram, node: Node, known: dict[Node, Any], made: dict[Any, list[Node]]) -> None:
    results = value_of(node, known)
    if results is None:
        return
    key = (node.target, node.args)
    if key not in made:
        with program.graph.inserting_before(node):
            made[key] = [constant_node(program, each) for each in _several(results)]
    if isinstance(results, Tensor):
        node.replace_all_uses_with(made[key][0])
    for user in list(node.users):
        user.replace_all_uses_with(made[key][user.args[1]])  # type: ignore[index]
        program.graph.erase_node(user)
    program.graph.erase_node(node)


def _several(results: Any) -> list[Tensor]:
    return [results] if isinstance(results, Tensor) else list(results)


def weights(program: ExportedProgram) -> dict[Node, Any]:
    """What is in the program itself, by its node."""
    signature = program.graph_signature
    held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    lifted = signature.inputs_to_lifted_tensor_constants
    found: dict[Node, Any] = {}
    for node in program.graph.find_nodes(op="placeholder"):
        if node.name in held:
            name = held[node.name]
            found[node] = program.state_dict.get(name, program.constants.get(name))
        elif node.name in lifted:
            found[node] = program.constants[lifted[node.name]]
    return found


def value_of(node: Node, known: dict[Node, Any]) -> Any:
    """What a node always gives; None if that depends on the input."""
    if node not in known:
        given = [value_of(each, known) for each in node.all_input_nodes]
        plain = node.op == "call_function" and all(each is not None for each in given)
        known[node] = _called(node, known) if plain else None
    return known[node]


def _called(node: Node, known: dict[Node, Any]) -> Any:
    args, kwargs = map_arg((node.args, node.kwargs), known.__getitem__)
    target: Any = node.target
    with torch.no_grad():
        return target(*args, **kwargs)


def constant_node(program: ExportedProgram, tensor: Tensor) -> Node:
    """A node that always gives `tensor`."""
    module = program.graph_module
    name = f"computed_weight_{len([each for each in vars(module) if each.startswith('computed_weight_')])}"
    setattr(module, name, tensor)
    node: Node = program.graph.get_attr(name)
    node.meta["val"] = tensor
    return node
