"""What an ONNX file may not be, whoever made it, before anything is computed of it.

A file of a kilobyte can ask for anything: functions that call functions grow twofold with each, a sparse weight says
how large the dense one is. onnxruntime and onnx find some of it, after the memory is gone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import prod

import onnx

from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.untrusted._sizes import check_fill
from rnnedge_runtime.untrusted.limits import LIMITS
from rnnedge_runtime.untrusted.operator_table import Node

# Nodes of a graph whose functions are inlined; ten times as many as any network that was seen.
_MOST_NODES = 1_000_000
# Elements that a dense weight may have: ONNX has no longer one in a file.
_MOST_ELEMENTS = 1 << 29
# A size has as many numbers as a tensor has axes, of each of which some operators say two.
_MOST_SIZES = 64
_FILLS = LIMITS._replace(filled_elements=1 << 26)
Key = tuple[str, str, str]


def check_valid(proto: onnx.ModelProto, path: str) -> None:
    """Raise `ModelRefused` for the first of these.

    1. No nodes, or no outputs; a value that two nodes give; an input that is no tensor, or an output as it is.
    2. A weight of a type that ONNX does not have, or a sparse one whose numbers lie elsewhere than in it.
    3. An operator that fills more than any network holds, by a size that stands in the file: 200 bytes took 18 GB.
    4. Functions that call themselves, or are too many nodes when they stand where they are called.
    """
    if not proto.graph.node:
        raise ModelRefused(f"{path}: is not an ONNX file, or has no operators")
    if not proto.graph.output:
        raise ModelRefused(f"{path}: expected at least one output, found none")
    given = Counter(name for node in proto.graph.node for name in node.output if name)
    twice = next((name for name, count in given.items() if count > 1), None)
    if twice is not None:
        raise ModelRefused(f"{path}: {twice!r}: two nodes give it, so the file is no valid ONNX; write it again")
    for value in proto.graph.input:
        _check_input(value, path)
    inputs = {value.name for value in proto.graph.input}
    same = next((value.name for value in proto.graph.output if value.name in inputs), None)
    if same is not None:
        raise ModelRefused(f"{path}: {same!r}: an input that is an output as it is; put an Identity between")
    for tensor in tensors(proto):
        if tensor.data_type not in onnx.TensorProto.DataType.values():
            raise ModelRefused(f"{path}: {tensor.name[:60]!r}: expected a type of ONNX, found {tensor.data_type}")
    _check_fills(proto.graph, path)
    _check_functions(proto, path)


def _check_fills(graph: onnx.GraphProto, path: str) -> None:
    """Sizes that are computed are not seen here."""
    sizes = {one.name: _numbers(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.output:
            sizes[node.output[0]] = _numbers(node.attribute[0].t)
    for node in graph.node:
        place = f"{path}: node {node.name[:60]!r}"
        check_fill(Node(node.op_type, tuple(node.input), (), constant_of=sizes.get, place=place), _FILLS)


def _numbers(tensor: onnx.TensorProto) -> Array | None:
    """Of a constant that may be a size; None of others, and of those that nothing can read."""
    if not 0 <= prod(tensor.dims) <= _MOST_SIZES:
        return None
    try:
        return onnx.numpy_helper.to_array(tensor)
    # numpy and onnx have several errors for a tensor that is not what it says.
    except Exception:
        return None


def _check_input(value: onnx.ValueInfoProto, path: str) -> None:
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type") or tensor.elem_type not in onnx.TensorProto.DataType.values()[1:]:
        raise ModelRefused(f"{path}: {value.name[:60]!r}: expected an input of numbers, found something else")
    size = prod(max(dim.dim_value, 1) for dim in tensor.shape.dim)
    if size > _MOST_ELEMENTS:
        raise ModelRefused(f"{path}: {value.name[:60]!r}: expected at most {_MOST_ELEMENTS:,} elements, found {size:,}")


def check_sparse(sparse: onnx.SparseTensorProto) -> None:
    """Raise `ModelRefused` for a sparse weight that is no dense one of a bounded size."""
    dims, name = tuple(sparse.dims), repr(sparse.values.name[:60])
    if any(dim < 0 for dim in dims) or prod(dims) > _MOST_ELEMENTS:
        raise ModelRefused(f"{name}: expected a sparse weight of at most {_MOST_ELEMENTS:,} elements, found {dims}")
    indices = onnx.numpy_helper.to_array(sparse.indices)
    count = onnx.numpy_helper.to_array(sparse.values).shape[:1]
    limits = dims if indices.ndim == 2 else prod(dims)
    fits = indices.ndim in (1, 2) and indices.shape[:1] == count and indices.shape[1:] in ((), (len(dims),))
    if not fits or (indices < 0).any() or (indices >= limits).any():
        raise ModelRefused(f"{name}: expected a sparse weight whose numbers lie within {dims}")


def tensors(holder: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the model, those of inner graphs, of attributes and of functions too."""
    yield from _of_graph(holder.graph)
    for function in holder.functions:
        yield from _of_nodes(function.node)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: object) -> Iterator[onnx.TensorProto]:
    for node in nodes:  # type: ignore[attr-defined]
        for attribute in node.attribute:
            # Of an attribute that has none, an empty one is none.
            yield from [attribute.t] if attribute.HasField("t") else []
            yield from attribute.tensors
            sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
            for one in (*sparse, *attribute.sparse_tensors):
                yield from (one.values, one.indices)
            for graph in _graphs(attribute):
                yield from _of_graph(graph)


def _graphs(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    return [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]


def _check_functions(proto: onnx.ModelProto, path: str) -> None:
    calls = {(one.domain, one.name, one.overload): _called(one.node) for one in proto.functions}
    # Not by recursion: calls may go as deep as there are functions.
    unknown = {key: sum(one in calls for one in called) for key, called in calls.items()}
    callers: dict[Key, list[Key]] = {key: [] for key in calls}
    for key, called in calls.items():
        for one in called.keys() & calls.keys():
            callers[one].append(key)
    sizes: dict[Key, int] = {}
    ready = [key for key, count in unknown.items() if not count]
    while ready:
        key = ready.pop()
        sizes[key] = _size(calls[key], sizes)
        for caller in callers[key]:
            unknown[caller] -= 1
            if not unknown[caller]:
                ready.append(caller)
    if len(sizes) < len(calls):
        raise ModelRefused(f"{path}: a function calls itself, so the file is no valid ONNX")
    if _size(_called(proto.graph.node), sizes) > _MOST_NODES:
        raise ModelRefused(f"{path}: expected at most {_MOST_NODES:,} nodes with its functions inlined, found more")


def _size(called: Counter[Key], sizes: dict[Key, int]) -> int:
    """Nodes with all functions inlined, as far as they are counted."""
    return min(sum(count * sizes.get(one, 1) for one, count in called.items()), _MOST_NODES + 1)


def _called(nodes: object) -> Counter[Key]:
    """How often each operator or function is called, in inner graphs too."""
    found: Counter[Key] = Counter()
    for node in nodes:  # type: ignore[attr-defined]
        found[node.domain, node.op_type, node.overload] += 1
        for attribute in node.attribute:
            for graph in _graphs(attribute):
                found += _called(graph.node)
    return found
