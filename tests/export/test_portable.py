"""What is written on one machine loads on another that knows nothing of it: strictly, or it is not written."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
import quickly
import torch
from exported import loaded_strictly
from in_one_test import in_one_test
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import rnnedge_export
from rnnedge_export import Precision, publish
from rnnedge_export.session import ExportOptions, ExportSession
from rnnedge_export.sources import of_module
from rnnedge_runtime import ModelRefused, load
from rnnedge_runtime.contract import FORMS
from rnnedge_runtime.protobuf_reader import Grammar
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.onnx_grammar import FORBIDDEN, MODEL
from rnnedge_runtime.untrusted.policy import check_policy

# An accumulator with a state; z is computed by a function of the file, w has numbers one by one.
CELL = """<ir_version: 10, opset_import: ["" : 18, "own" : 1, "unused.domain" : 3]>
agraph (float[N, 3] x, float[N, 3] h) => (float[N, 3] y, float[N, 3] h_out)
<float[3] w = {0.5, 0.25, 2}> {
    z = own.twice (x)
    s = Add (z, h)
    h_out = Tanh (s)
    k = Constant <value = float[3] {1, 2, 3}> ()
    m = Mul (h_out, w)
    d = Mul (m, k)
    y = Add (d, bias)
}
<domain: "own", opset_import: ["" : 18]> twice (a) => (b) { b = Add (a, a) }"""
# The fields that a message may not have two of at once, or that change what it means.
_LEFT_OUT = {"TensorProto.segment", "TensorProto.data_location", "NodeProto.overload", "AttributeProto.tp",
             "AttributeProto.type_protos"}  # fmt: skip


def _annotate(message: Any, grammar: Grammar) -> int:
    """Set every field of `message`, and of those in it, that the format of rnnedge does not have; how many."""
    known = {tag >> 3: field for tag, field in grammar.fields.items()}
    count = 0
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.number in known:
            kind = known[field.number].kind
            if isinstance(kind, Grammar):
                if known[field.number].repeated:
                    count += sum(_annotate(one, kind) for one in value)
                elif message.HasField(field.name):
                    count += _annotate(value, kind)
        elif (grammar.name, field.number) not in FORBIDDEN and f"{grammar.name}.{field.name}" not in _LEFT_OUT:
            if field.type == field.TYPE_STRING:
                setattr(message, field.name, "a note")
            elif field.type == field.TYPE_INT64:
                setattr(message, field.name, 7)
            elif field.message_type.name == "StringStringEntryProto":
                value.add(key="k", value="v")
            else:
                value.add()
            count += 1
    return count


def _every_optional_field(path: Path) -> Path:
    """A file that has them all: notes, versions, a function, a sparse weight, training, a device, a spelled domain."""
    proto = onnx.parser.parse_model(CELL)
    assert _annotate(proto, MODEL) > 30
    bias = np.array([0, 0.5, 0], np.float32)
    values, indices = numpy_helper.from_array(bias[1:2], "bias"), numpy_helper.from_array(np.array([1]), "where")
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [3]))
    proto.graph.quantization_annotation[0].tensor_name = "s"
    proto.training_info.add()
    proto.configuration.add(name="board", num_devices=1)
    for node in (*proto.graph.node, *proto.functions[0].node):
        node.domain = node.domain or "ai.onnx"
    for entry in (*proto.opset_import, *proto.functions[0].opset_import):
        entry.domain = entry.domain or "ai.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_every_optional_field_of_a_source_is_left_behind(tmp_path: Path) -> None:
    """The adopted file is strict, and computes what the source's function, sparse and listed weights say."""
    source = _every_optional_field(tmp_path / "source.onnx")
    quickly.adopt(source, tmp_path / "f.onnx", states={"h": "h_out"}, time_axis=None)
    model = load(tmp_path / "f.onnx", trust="strict")
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    h, expected = np.zeros(3, np.float32), []
    for frame in x:
        h = np.tanh(2 * frame + h)
        expected.append(h * np.array([0.5, 0.5, 6]) + np.array([0, 0.5, 0]))
    np.testing.assert_allclose(model.run(x), expected, atol=1e-6)


def test_the_same_holds_for_a_file_of_whole_sequences(tmp_path: Path) -> None:
    """`convert` writes no note of its source either."""
    proto = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["" : 18]>
        agraph (float[N, T, 3] x) => (float[N, T, 3] y)
        <float[3, 3] w = {1, 0, 0, 0, 2, 0, 0, 0, 3}> { z = MatMul (x, w) y = Relu (z) }""")
    _annotate(proto, MODEL)
    (tmp_path / "whole.onnx").write_bytes(proto.SerializeToString())
    quickly.convert(tmp_path / "whole.onnx", tmp_path / "f.onnx")
    x = np.random.default_rng(0).standard_normal((20, 3)).astype(np.float32)
    found = load(tmp_path / "f.onnx", trust="strict").run(x)
    np.testing.assert_allclose(found, np.maximum(x * [1, 2, 3], 0), atol=1e-6)


class _Small(nn.Module):
    """A convolution, a recurrence, a window of attention's kind of minimum: weights of every sort."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lstm = nn.Conv1d(4, 8, 3), nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        z = self.conv(nn.functional.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2)
        y = self.lstm(z)[0]
        kept = torch.arange(8) % 2 == 0
        low = torch.where(kept, y, torch.tensor(float("inf"))).amin(-1, keepdim=True)
        return self.head(y) + low + torch.where(kept, y, torch.tensor(float("-inf"))).amax(-1, keepdim=True)


@pytest.fixture(scope="module")
def session() -> Iterator[ExportSession]:
    """The small network, captured once."""
    torch.manual_seed(5)
    with of_module(_Small(), torch.randn(1, 8, 4), say=lambda _: None) as captured:
        yield captured


@pytest.mark.parametrize("taps", [(), ("gates", "state")])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("precision", ["float32", "float16", "bf16", "int8", "int4"])
def test_every_form_in_every_precision_loads_strictly(
    precision: str, form: str, taps: tuple[str, ...], session: ExportSession
) -> None:
    """With taps too, where the form can show them; and the limits of a strict loader are far."""
    if taps and form == "native":
        form = "scan"
    candidate = session.candidate(ExportOptions(form, Precision(precision), taps=taps), "small")
    data = candidate.stamped({"note": "from here"})
    assert loaded_strictly(data).contract.precision == precision
    assert publish.too_much(data, candidate.contract) is None


OPERATORS = {
    "ScatterND": "t = Transpose (s) u = ScatterND (t, at, two) h_out = Transpose (u)",
    "ScatterElements": "h_out = ScatterElements <axis = 1> (s, index, x)",
    "TopK": "t, i = TopK <axis = 1> (s, three) h_out = Tanh (t)",
    "Shrink": "h_out = Shrink <lambd = 0.1> (s)",
    "BitwiseAnd": "b = Cast <to = 6> (s) e = BitwiseAnd (b, b) c = Cast <to = 1> (e) h_out = Tanh (c)",
    "SpaceToDepth": "a = Unsqueeze (s, ends) b = SpaceToDepth <blocksize = 1> (a) h_out = Squeeze (b, ends)",
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_of_other_exporters_load_strictly(operator: str, tmp_path: Path) -> None:
    """What is adopted with them is loaded with them."""
    text = f"""<ir_version: 9, opset_import: ["" : 18]>
        agraph (float[1, 3] x, float[1, 3] h) => (float[1, 3] y, float[1, 3] h_out)
        <int64[2, 1] at = {{0, 2}}, float[2, 1] two = {{0.5, 1}}, int64[1, 3] index = {{2, 0, 1}},
         int64[1] three = {{3}}, int64[2] ends = {{2, 3}}> {{
            s = Add (x, h) {OPERATORS[operator]} y = Identity (h_out) }}"""
    proto = onnx.parser.parse_model(text)
    (tmp_path / "s.onnx").write_bytes(proto.SerializeToString())
    quickly.adopt(tmp_path / "s.onnx", tmp_path / "f.onnx", states={"h": "h_out"}, time_axis=None)
    load(tmp_path / "f.onnx", trust="strict")
    assert operator in {node.op_type for node in onnx.load(tmp_path / "f.onnx").graph.node}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("d = Det (s) h_out = Reshape (d, shape)", "'Det'"),
        ("q = Cast <to = 8> (s) h_out = Cast <to = 1> (q)", "as the type of a Cast"),
        ("q, a, z = DynamicQuantizeLinear (s) h_out = DequantizeLinear (q, a, z)", "'DequantizeLinear'"),
    ],
)
def test_what_no_other_machine_would_load_is_not_written(body: str, words: str, tmp_path: Path) -> None:
    """It is refused with the operator, before it is proven."""
    text = f"""<ir_version: 9, opset_import: ["" : 18]>
        agraph (float[1, 1] x, float[1, 1] h) => (float[1, 1] y, float[1, 1] h_out)
        <int64[2] shape = {{1, 1}}> {{ s = Add (x, h) {body} y = Tanh (s) }}"""
    (tmp_path / "s.onnx").write_bytes(onnx.parser.parse_model(text).SerializeToString())
    with pytest.raises(ModelRefused, match=f"s.onnx: no other machine would load this file.*{words}"):
        quickly.adopt(tmp_path / "s.onnx", tmp_path / "f.onnx", states={"h": "h_out"}, time_axis=None)
    assert not (tmp_path / "f.onnx").exists()


def test_more_than_others_take_is_written_with_a_warning(tmp_path: Path) -> None:
    """It names the limit and the remedy; within the limits nothing is said."""
    report = quickly.export(nn.GRU(3, 4, batch_first=True), torch.randn(1, 8, 3), tmp_path / "f.onnx")
    data = report.path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        publish.publish(tmp_path / "g.onnx", data, report.contract)
    with pytest.warns(rnnedge_export.NotPortableWarning, match="trust='local' only: expected at most 1,000 bytes"):
        publish.publish(tmp_path / "g.onnx", data, report.contract, LIMITS._replace(file_bytes=1000))
    assert load(tmp_path / "g.onnx").digest == report.digest


@in_one_test(("bits", "refused"), [(0x7F80, False), (0xFF80, False), (0x7FC0, True), (0xFF81, True), (0x3F80, False)])
def test_nan_is_seen_in_bfloat16(bits: int, refused: bool) -> None:
    """Infinity is a number that leaves things out; NaN is none."""
    tensor = helper.make_tensor("w", TensorProto.BFLOAT16, [1], np.array([bits], np.uint16).tobytes(), raw=True)
    node = helper.make_node("Cast", ["w"], ["y"], to=TensorProto.FLOAT)
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], [tensor])
    data = helper.make_model(graph, ir_version=10).SerializeToString()
    if refused:
        with pytest.raises(ModelRefused, match="found NaN"):
            check_policy(data, LIMITS)
    else:
        check_policy(data, LIMITS)
