"""Everything that does not depend on the input is computed once, by onnxruntime, whatever its size or operator.

1. What follows from constants alone. onnxscript's folding leaves chains that begin with ConstantOfShape or Range, as
   the older exporter of torch writes for padding; a streaming rule would see a computed amount where there is a number.
2. What follows from shapes, where it is the same for every batch: arithmetic on lengths, and branches that hang on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from rnnedge_export.graph.cpu_session import session

_RANDOM = {"Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
           "RandomUniformLike"}  # fmt: skip
# What they make is a list, and no array.
_LISTS = {"SequenceEmpty", "SequenceConstruct", "SequenceInsert", "SequenceErase", "SplitToSequence"}


def fold_constants(model: ir.Model) -> None:
    """Case 1, in the main graph of `model`."""
    nodes = _following(model, set())
    part = ir.to_proto(model)
    kept = [proto for node, proto in zip(model.graph, part.graph.node, strict=True) if node in nodes]
    for field in (part.graph.node, part.graph.input, part.graph.output):
        del field[:]
    part.graph.node.extend(kept)
    _replace(model, nodes, part, [{}])


def fold_lengths(model: ir.Model, feeds: Sequence[Mapping[str, Any]]) -> None:
    """Case 2: for inputs of several batch sizes."""
    shapes = {node for node in model.graph if node.op_type == "Shape"}
    part = ir.to_proto(model)
    del part.graph.output[:]
    _replace(model, _following(model, shapes), part, feeds)


def _following(model: ir.Model, first: set[ir.Node]) -> set[ir.Node]:
    """`first`, and the nodes whose inputs are all constant or made by such nodes."""
    known = set(model.graph.initializers.values())
    found: set[ir.Node] = set()
    for node in model.graph:
        inputs = [value for value in node.inputs if value is not None]
        plain = not any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())
        follows = plain and node.op_type not in _RANDOM | _LISTS and all(value in known for value in inputs)
        if node in first or follows:
            known.update(node.outputs)
            found.add(node)
    return found


def _replace(model: ir.Model, nodes: set[ir.Node], part: onnx.ModelProto, feeds: Sequence[Mapping[str, Any]]) -> None:
    """Put constants in the place of what `nodes` give to others, where `part` gives the same for all `feeds`."""
    graph = model.graph
    wanted = {
        str(value.name): value
        for node in graph
        if node in nodes
        for value in node.outputs
        if any(reader not in nodes for reader, _ in value.uses())
    }
    if wanted:
        part.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
        running = session(part)
        results = [running.run(list(wanted), dict(feed)) for feed in feeds]
        for (name, value), array, *others in zip(wanted.items(), *results, strict=True):
            if all(np.array_equal(array, other) for other in others):
                tensor = ir.tensor(array, name=name)
                constant = ir.Value(name=f"{name}_constant", type=ir.TensorType(tensor.dtype),
                                    shape=ir.Shape(array.shape), const_value=tensor)  # fmt: skip
                graph.register_initializer(constant)
                ir.convenience.replace_all_uses_with(value, constant)
    RemoveUnusedNodesPass()(model)
