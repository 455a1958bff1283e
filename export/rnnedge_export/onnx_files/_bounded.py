"""Whether every size in a graph is known, and moderate, without running it.

onnx infers the shapes for inputs of several sizes; a value whose shape it cannot tell is not bounded, nor is a graph
with graphs inside, which may be run as often as a number says. Weights are declared by their shapes and not copied.
"""

from __future__ import annotations

from math import prod

import onnx
from onnx import numpy_helper, shape_inference

# The first axis of unknown size of an input, and its others.
_SIZES = ((96, 96), (2, 984), (984, 2))
_MOST_ELEMENTS, _MOST_IN_ALL = 1 << 26, 1 << 30
# Weights that may be a shape, or another number that says a size.
_SHORT = 64
_MOST_PROPAGATED = 1 << 14


def is_bounded(proto: onnx.ModelProto) -> bool:
    """False, too, where it cannot be told, and where a node may end the process over its numbers."""
    if _may_end(proto.graph):
        return False
    if any(attribute.type in _GRAPHS for node in proto.graph.node for attribute in node.attribute) or proto.functions:
        return False
    declared = _declared(proto)
    if _longest_shape(declared.graph) > _MOST_PROPAGATED:
        return False
    return all(_fits(declared, first, rest) for first, rest in _SIZES)


def _may_end(graph: onnx.GraphProto) -> bool:
    """Whether a node may end the process that runs it: onnxruntime 1.32 divides the least whole number by -1.

    GatherND does over a batch that counts from the end.
    """
    weights = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "GatherND":
            return True
        if node.op_type in ("Div", "Mod"):
            dividend, divisor = (weights.get(name) for name in node.input)
            known = divisor is not None and not (numpy_helper.to_array(divisor) == -1).any()
            if not known and not _is_float(divisor) and not _is_float(dividend):
                return True
    return False


def _is_float(weight: onnx.TensorProto | None) -> bool:
    return weight is not None and weight.data_type in _FLOATS


_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)
_GRAPHS = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)


def _declared(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The graph without long weights, and without what it says of inner shapes."""
    graph = proto.graph
    short = [one for one in graph.initializer if prod(one.dims) <= _SHORT]
    weights = {one.name: one for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in weights]
    inputs += [
        onnx.helper.make_tensor_value_info(one.name, one.data_type, one.dims)
        for one in graph.initializer
        if prod(one.dims) > _SHORT
    ]
    bare = onnx.ModelProto()
    bare.ir_version = max(proto.ir_version, 8)
    bare.opset_import.extend(proto.opset_import)
    bare.graph.name = "bare"
    bare.graph.node.extend(graph.node)
    bare.graph.initializer.extend(short)
    bare.graph.input.extend(inputs)
    bare.graph.output.extend(onnx.ValueInfoProto(name=one.name) for one in graph.output)
    return bare


def _longest_shape(graph: onnx.GraphProto) -> int:
    """The most numbers that onnx may propagate as a shape: it joins short arrays as often as the file says."""
    lengths = {one.name: prod(one.dims) for one in graph.initializer}
    for node in graph.node:
        given = [lengths.get(name, 0) for name in node.input]
        found = sum(given) if node.op_type == "Concat" else max([*given, *map(_length, node.attribute)], default=0)
        if node.op_type == "Shape":
            found = _SHORT
        lengths.update(dict.fromkeys(node.output, min(found, _MOST_PROPAGATED + 1)))
    return max(lengths.values(), default=0)


def _length(attribute: onnx.AttributeProto) -> int:
    """Of what a Constant gives."""
    return max(prod(attribute.t.dims) if attribute.HasField("t") else 0, len(attribute.ints), len(attribute.floats))


def _fits(bare: onnx.ModelProto, first: int, rest: int) -> bool:
    model = onnx.ModelProto()
    model.CopyFrom(bare)
    for port in model.graph.input:
        unknown = [dim for dim in port.type.tensor_type.shape.dim if not dim.HasField("dim_value")]
        for k, dim in enumerate(unknown):
            dim.dim_value = rest if k else first
    try:
        inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    # onnx has a dozen errors for a graph that contradicts itself.
    except Exception:
        return False
    sizes = {one.name: _size(one) for one in (*inferred.value_info, *inferred.output)}
    made = [sizes.get(name) for node in inferred.node for name in node.output if name]
    known = [size for size in made if size is not None]
    return len(known) == len(made) and max(known, default=0) <= _MOST_ELEMENTS and sum(known) <= _MOST_IN_ALL


def _size(value: onnx.ValueInfoProto) -> int | None:
    """Elements; None where they are not known."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or not tensor.HasField("shape"):
        return None
    if not all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in tensor.shape.dim):
        return None
    return prod(int(dim.dim_value) for dim in tensor.shape.dim)
