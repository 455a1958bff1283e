"""Graph + contract -> the bytes of one self-describing, sealed ONNX file.

The same graph and contract give the same bytes: names are fixed, no date, path, source line or trace is written.
What is written is what the strict loader reads: nothing else of the source's file comes with it.
"""

from __future__ import annotations

from typing import Any

import onnx
import onnx_ir as ir

import rnnedge_runtime.contract_json as contract_json
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.protobuf_reader import Grammar
from rnnedge_runtime.untrusted.limits import LIMITS
from rnnedge_runtime.untrusted.onnx_grammar import FORBIDDEN, MODEL
from rnnedge_runtime.untrusted.policy import check_policy

# The newest ONNX file format version that every onnxruntime from 1.18 on reads; it serves opsets up to 21 and 22.
_IR_VERSION = 10
# How much a file may hold is its reader's to say, and `publish` warns of it; what it may be is checked here.
_ANY_AMOUNT = LIMITS._replace(**dict.fromkeys(LIMITS._fields, 1 << 62))


def stamp(model: ir.Model, contract: Contract) -> bytes:
    """Serialize `model` with `contract` in its metadata, and seal it.

    Raises `ModelRefused` where the graph has what no strict loader reads, `onnx.checker.ValidationError` where it is
    not valid ONNX: that is a defect of a pass.
    """
    model.ir_version = _IR_VERSION
    model.producer_name, model.producer_version = "rnnedge", contract.provenance.get("rnnedge", "")
    model.graph.name = "rnnedge"
    for index, node in enumerate(model.graph.all_nodes()):
        node.name = f"{node.op_type}_{index}"
    model.metadata_props.clear()
    model.metadata_props.update(contract_json.dump(contract))
    _drop_unread(model.graph)
    _drop_unused_domains(model)
    _as_raw_data(model.graph)
    proto = ir.to_proto(model)
    _drop_notes(proto, MODEL)
    onnx.checker.check_model(proto, full_check=True)
    data = seal(proto.SerializeToString(deterministic=True))
    try:
        check_policy(data, _ANY_AMOUNT)
    except ModelRefused as error:
        source = contract.provenance.get("source") or contract.provenance.get("module") or "the network"
        raise ModelRefused(
            f"{source}: no other machine would load this file: {error}; write that part with other operators "
            "(see the page 'What can be streamed')"
        ) from error
    return data


def _drop_unread(graph: ir.Graph) -> None:
    """Weights that no node of the graph or of its bodies reads: a value may still be counted by a node that is gone."""
    read = {value for node in graph.all_nodes() for value in node.inputs} | set(graph.outputs)
    for name, value in list(graph.initializers.items()):
        if value not in read:
            del graph.initializers[name]


def _drop_unused_domains(model: ir.Model) -> None:
    """Exporters declare domains that no node needs, or none that is left."""
    used = {node.domain for node in model.graph.all_nodes()}
    for domain in [domain for domain in model.opset_imports if domain and domain not in used]:
        del model.opset_imports[domain]


def _as_raw_data(graph: ir.Graph) -> None:
    """Weights that another exporter wrote number by number, as bytes: the only way that a careful loader reads."""
    for part in (graph, *graph.subgraphs()):
        for value in part.initializers.values():
            if isinstance(value.const_value, ir.TensorProtoTensor):
                value.const_value = ir.tensor(value.const_value.numpy(), name=value.name)
    for node in graph.all_nodes():
        for name, attribute in list(node.attributes.items()):
            if attribute.type == ir.AttributeType.TENSOR and isinstance(attribute.value, ir.TensorProtoTensor):
                node.attributes[name] = ir.AttrTensor(name, ir.tensor(attribute.value.numpy()))


def _drop_notes(message: Any, grammar: Grammar) -> None:
    """Fields of a message, and of those in it, that change nothing of what it computes.

    They are all that the format does not name, such as comments, versions and annotations. A field whose meaning would
    be lost (`FORBIDDEN`: a function, a sequence) stays, and is refused.
    """
    known = {tag >> 3: field for tag, field in grammar.fields.items()}
    message.DiscardUnknownFields()
    for field, value in message.ListFields():
        if field.number in known:
            kind = known[field.number].kind
            if isinstance(kind, Grammar):
                for one in value if known[field.number].repeated else (value,):
                    _drop_notes(one, kind)
        elif (grammar.name, field.number) not in FORBIDDEN:
            message.ClearField(field.name)
