"""Operators without a translation are taken apart where they stand; the rest of a traced program stays as it is.

To take one apart torch traces the whole program again, twice: once to see what is changed in place, once to write that
as new values. Only a program that changes something in place needs it.

1. An operator is traced by itself, on the shapes that it has. What this gives takes its place, with its place in the
   code; one that cannot be taken apart stays.
2. Likewise in the bodies of scans and branches.
3. A program with changes in place is traced again as a whole; so is one with an operator, such as `gru_cell`, that
   consists of changes in place, or of others without a translation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._export.utils import _check_valid_to_preserve, _is_cia_op
from torch._ops import OpOverload
from torch.export import ExportedProgram
from torch.export._trace import _ignore_backend_decomps
from torch.export.exported_program import _decompose_exported_program, _override_composite_implicit_decomp
from torch.fx import GraphModule, Node

from rnnedge_export.capture.decompositions._operator_parts import Parts, Table, writes

Translated = Callable[[Any], bool]
_aten: Any = torch.ops.aten


def decomposed(
    program: ExportedProgram, translated: Translated, tables: Callable[[], tuple[Table, Table]]
) -> ExportedProgram:
    """Cases 1 to 3; the program may be changed. `tables`: of composite operators, and of others."""
    parts = [part for part in program.graph_module.modules() if isinstance(part, GraphModule)]
    _without_gradients(parts)
    nodes = [node for part in parts for node in part.graph.nodes]
    written = program.graph_signature.buffers_to_mutate or program.graph_signature.user_inputs_to_mutate
    if written or any(map(writes, nodes)):
        return _traced_again(program, *tables())
    if all(_stays(node, translated) for node in nodes):
        return program
    composites, others = tables()
    kept = {target: rule for target, rule in composites.items() if translated(target)}
    with torch.no_grad(), _ignore_backend_decomps(), _override_composite_implicit_decomp(kept):
        apart = [
            Parts(node, part, others) for part in parts for node in part.graph.nodes if not _stays(node, translated)
        ]
    if any(each.need_the_program(translated) for each in apart):
        return _traced_again(program, composites, others)
    for each in apart:
        each.replace(program.graph_signature)
    for part in parts:
        part.graph.eliminate_dead_code()
        part.recompile()
    return program


def registered_operators() -> object:
    """What tables of decompositions depend on: an operator may be registered at any time."""
    return frozenset(torch.library._defs), frozenset(torch.library._impls)


def _traced_again(program: ExportedProgram, composites: Table, others: Table) -> ExportedProgram:
    """Case 3."""
    again: ExportedProgram = _decompose_exported_program(
        program,
        cia_to_decomp=dict(composites),
        python_decomp_table=dict(others),
        joint_loss_index=None,
        decompose_custom_triton_ops=False,
    )
    return again


def _without_gradients(parts: list[GraphModule]) -> None:
    """Without `detach_`, which every tensor that is made of numbers brings, and which computes nothing."""
    for part in parts:
        for node in part.graph.find_nodes(op="call_function", target=_aten.detach_.default):
            node.replace_all_uses_with(node.args[0])
            part.graph.erase_node(node)


def _stays(node: Node, translated: Translated) -> bool:
    """Whether there is nothing to take apart: it has a translation, and hides no operator."""
    if node.op != "call_function" or not isinstance(node.target, OpOverload):
        return True
    if not translated(node.target):
        return False
    return not _is_cia_op(node.target) or _check_valid_to_preserve(node.target)
