"""An ONNX file of any exporter, written as one that every pass here reads: what it computes stays as it is.

1. The default domain is called "", also where the file spells it "ai.onnx".
2. Sparse weights are dense ones. A Constant with a sparse tensor holds a dense one.
3. Training information is gone: a file that streams does not learn.
4. A size of -1 or 0 of an input is none, a name that two nodes have is that of the first, and nodes stand in order.

Comments, versions and annotations stay until the file is stamped, which keeps what the format of rnnedge has.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import numpy_helper

from rnnedge_export.onnx_files._node_order import put_in_order
from rnnedge_export.onnx_files._validity import check_sparse
from rnnedge_runtime.contract import Array

_SPELLED_OUT = "ai.onnx"


def make_plain(proto: onnx.ModelProto) -> None:
    """Cases 1 to 4, in place."""
    for part in (proto, *proto.functions):
        versions = {}
        for entry in sorted(part.opset_import, key=lambda entry: entry.version):
            versions["" if entry.domain == _SPELLED_OUT else entry.domain] = entry.version
        del part.opset_import[:]
        part.opset_import.extend(onnx.helper.make_opsetid(*one) for one in versions.items())
    proto.ClearField("training_info")
    for nodes in (part.node for part in (proto.graph, *proto.functions)):
        for node in _all(nodes):
            _make_plain_node(node)
    for graph in (proto.graph, *_graphs(proto.graph.node)):
        graph.initializer.extend(_dense(sparse) for sparse in graph.sparse_initializer)
        graph.ClearField("sparse_initializer")
        put_in_order(graph)
    for port in proto.graph.input:
        for dim in port.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 1:
                dim.ClearField("dim_value")
    names: set[str] = set()
    for node in _all(proto.graph.node):
        if node.name in names:
            node.ClearField("name")
        names.add(node.name)


def _make_plain_node(node: onnx.NodeProto) -> None:
    if node.domain == _SPELLED_OUT:
        node.domain = ""
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.SPARSE_TENSOR and attribute.name == "sparse_value":
            dense = _dense(attribute.sparse_tensor)
            attribute.Clear()
            attribute.CopyFrom(onnx.helper.make_attribute("value", dense))


def _dense(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """ONNX IR specification, SparseTensorProto: indices (n,) into the flat array, or (n, rank)."""
    check_sparse(sparse)
    values, indices = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    dense: Array = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 2:
        dense[tuple(indices.T)] = values
    else:
        dense.reshape(-1)[indices] = values
    return numpy_helper.from_array(dense, sparse.values.name)


def _all(nodes: object) -> Iterator[onnx.NodeProto]:
    for node in nodes:  # type: ignore[attr-defined]
        yield node
        for graph in _of(node):
            yield from _all(graph.node)


def _graphs(nodes: object) -> Iterator[onnx.GraphProto]:
    for node in _all(nodes):
        yield from _of(node)


def _of(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs
