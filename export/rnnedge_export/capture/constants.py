"""Everything that does not depend on the input is computed once, by onnxruntime, whatever its size or operator.

onnxscript's folding leaves chains that begin with ConstantOfShape or Range, as the older exporter of torch writes for
padding; a streaming rule would see a computed amount where there is a number.
"""

from __future__ import annotations

from typing import Any

import onnx_ir as ir

from rnnedge_export.capture.measured import session

_RANDOM = {"Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
           "RandomUniformLike"}  # fmt: skip


def fold_constants(model: ir.Model) -> None:
    """Replace, in the main graph, every value that follows from constants alone and is read by what does not."""
    graph = model.graph
    known = set(graph.initializers.values())
    computed: list[ir.Node] = []
    for node in graph:
        inputs = [value for value in node.inputs if value is not None]
        plain = not any(attribute.type == ir.AttributeType.GRAPH for attribute in node.attributes.values())
        if plain and node.op_type not in _RANDOM and all(value in known for value in inputs):
            known.update(node.outputs)
            computed.append(node)
    made = {value for node in computed for value in node.outputs}
    wanted = [v for v in made if v.is_graph_output() or any(n not in computed for n, _ in v.uses())]
    if not wanted:
        return
    names = sorted(str(value.name) for value in wanted)
    arrays = dict(zip(names, _evaluate(model, names), strict=True))
    for value in wanted:
        tensor = ir.tensor(arrays[str(value.name)], name=value.name)
        constant = ir.Value(
            name=f"{value.name}_constant",
            type=ir.TensorType(tensor.dtype),
            shape=ir.Shape(arrays[str(value.name)].shape),
            const_value=tensor,
        )
        if value.is_graph_output():
            continue
        graph.register_initializer(constant)
        ir.convenience.replace_all_uses_with(value, constant)
    ir.passes.common.RemoveUnusedNodesPass()(model)


def _evaluate(model: ir.Model, names: list[str]) -> list[Any]:
    part = model.clone()
    values = {str(v.name): v for node in part.graph for v in node.outputs}
    del part.graph.outputs[:]
    part.graph.outputs.extend(values[name] for name in names)
    ir.passes.common.RemoveUnusedNodesPass()(part)
    del part.graph.inputs[:]
    return list(session(ir.to_proto(part)).run(names, {}))
