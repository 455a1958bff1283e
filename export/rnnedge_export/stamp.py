"""Graph + contract -> the bytes of one self-describing, sealed ONNX file.

The same graph and contract give the same bytes: names are fixed, no date, path, source line or trace is written.
"""

from __future__ import annotations

import onnx
import onnx_ir as ir

import rnnedge_runtime.contract_json as contract_json
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.seal import seal

# The newest ONNX file format version that every onnxruntime from 1.18 on reads; it serves opsets up to 21 and 22.
_IR_VERSION = 10


def stamp(model: ir.Model, contract: Contract) -> bytes:
    """Serialize `model` with `contract` in its metadata, and seal it.

    Raises `onnx.checker.ValidationError` where the graph is not valid ONNX: that is a defect of a pass.
    """
    model.ir_version = _IR_VERSION
    model.producer_name, model.producer_version = "rnnedge", contract.provenance.get("rnnedge", "")
    model.graph.name = "rnnedge"
    for index, node in enumerate(model.graph.all_nodes()):
        node.name = f"{node.op_type}_{index}"
    model.metadata_props.clear()
    model.metadata_props.update(contract_json.dump(contract))
    _drop_unread(model.graph)
    _as_raw_data(model.graph)
    proto = ir.to_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    return seal(proto.SerializeToString(deterministic=True))


def _drop_unread(graph: ir.Graph) -> None:
    """Weights that no node of the graph or of its bodies reads: a value may still be counted by a node that is gone."""
    read = {value for node in graph.all_nodes() for value in node.inputs} | set(graph.outputs)
    for name, value in list(graph.initializers.items()):
        if value not in read:
            del graph.initializers[name]


def _as_raw_data(graph: ir.Graph) -> None:
    """Weights that another exporter wrote number by number, as bytes: the only way that a careful loader reads."""
    for part in (graph, *graph.subgraphs()):
        for value in part.initializers.values():
            if isinstance(value.const_value, ir.TensorProtoTensor):
                value.const_value = ir.tensor(value.const_value.numpy(), name=value.name)
