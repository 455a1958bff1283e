"""What a file from somebody else may not be, thing by thing; that exported files are none of it, tests/export shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event

import numpy as np
import onnx
import pytest
from bombs import model, sealed, with_contract, with_metadata
from exported import Exported
from in_one_test import in_one_test
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.streaming._registry import operators
from rnnedge_runtime import ContractError, ModelRefused
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model
from rnnedge_runtime.untrusted import LIMITS, open_untrusted
from rnnedge_runtime.untrusted.contract_limits import check_promises
from rnnedge_runtime.untrusted.operator_table import operators as allowed
from rnnedge_runtime.untrusted.policy import check_policy


def test_every_operator_that_can_stream_is_allowed() -> None:
    """The list of operators does not fall behind the exporter's."""
    assert set(operators()) <= allowed()


def test_work_that_nobody_can_bound_is_not_allowed() -> None:
    """Nor is what makes up numbers or brings its own code."""
    assert {"If", "Loop", "RandomNormal", "EPContext", "SequenceInsert", "StringNormalizer"} & allowed() == set()


def _first(proto: onnx.ModelProto) -> onnx.TensorProto:
    return proto.graph.initializer[0]


def _set(proto: onnx.ModelProto, values: list[float]) -> None:
    tensor = next(t for t in proto.graph.initializer if t.data_type == TensorProto.FLOAT)
    found = np.frombuffer(tensor.raw_data, np.float32).copy()
    found[: len(values)] = values
    tensor.raw_data = found.tobytes()


def _external(proto: onnx.ModelProto) -> None:
    _first(proto).data_location = TensorProto.EXTERNAL
    _first(proto).external_data.add(key="location", value="/dev/zero")


def _attribute(proto: onnx.ModelProto, name: str, value: object) -> None:
    """Of the GRU, in the place of the one that it has."""
    node = next(n for n in proto.graph.node if n.op_type == "GRU")
    kept = [a for a in node.attribute if a.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])


def _attribute_type(proto: onnx.ModelProto, kind: int) -> None:
    _attribute(proto, "hidden_size", 6)
    next(n for n in proto.graph.node if n.op_type == "GRU").attribute[-1].type = kind


def _numbers(proto: onnx.ModelProto) -> None:
    tensor = next(t for t in proto.graph.initializer if t.data_type == TensorProto.FLOAT)
    tensor.float_data.extend(numpy_helper.to_array(tensor).reshape(-1).tolist())
    tensor.ClearField("raw_data")


@in_one_test(
    ("change", "words"),
    [
        (_external, r"found data in another file"),
        (_numbers, r"found numbers outside raw_data"),
        (lambda p: p.functions.add(name="f"), r"found functions"),
        (lambda p: p.training_info.add(), r"found training information"),
        (lambda p: p.graph.sparse_initializer.add(), r"found a sparse tensor"),
        (lambda p: setattr(p.graph, "doc_string", "x"), r"GraphProto at byte \d+: .*found field 10 of wire type 2"),
        (lambda p: p.metadata_props.add(key="ort_config", value="{}"), r"found an unknown one 'ort_config'"),
        (lambda p: p.metadata_props.add(key="rnnedge.schema", value="1"), r"found a second one 'rnnedge.schema'"),
        (lambda p: p.opset_import.add(domain="ai.onnx.ml", version=1), r"found the domain 'ai.onnx.ml'"),
        (lambda p: p.opset_import.add(domain="", version=7), r"expected one version of 'ai.onnx', found two"),
        (lambda p: p.opset_import.add(domain="ai.onnx", version=7), r"expected one version of 'ai.onnx', found two"),
        (lambda p: setattr(p.graph.node[0], "domain", "x"), r"found the domain 'x'"),
        (lambda p: setattr(p.graph.node[0], "op_type", "If"), r"found 'If'"),
        (lambda p: setattr(p.graph.node[0], "op_type", "EPContext"), r"found 'EPContext'"),
        (lambda p: _attribute(p, "body", p.graph), r"expected no attribute of GRU but .*, found 'body'"),
        (lambda p: _attribute(p, "hidden_size", p.graph), r"an integer of 1 to 1048576 as attribute 'hidden_size'"),
        (lambda p: _attribute(p, "hidden_size", 1 << 40), r"of 1 to 1048576 .*, found 1099511627776"),
        (lambda p: _attribute(p, "hidden_size", [6, 6]), r"an integer of 1 to 1048576 .*, found \[6, 6\]"),
        (lambda p: _attribute(p, "hidden_size", 6.0), r"an integer of 1 to 1048576 .*, found 6.0"),
        (lambda p: _attribute(p, "clip", float("nan")), r"a finite number as attribute 'clip', found nan"),
        (lambda p: _attribute(p, "clip", -1.0), r"a number of 0 to inf as attribute 'clip', found -1"),
        (lambda p: _attribute(p, "direction", "sideways"), r"one of forward, reverse, .*, found sideways"),
        (lambda p: _attribute(p, "direction", b"\xff\xfe"), r"one of forward, reverse"),
        (lambda p: _attribute(p, "activations", ["Tanh", "Sine"]), r"at most 6 of Relu, Tanh.*, found \['Tanh', 'S"),
        (lambda p: _attribute_type(p, 7), r"one value of its type, found type 7 and \['i'\]"),
        (lambda p: _attribute_type(p, 0), r"one value of its type, found type 0"),
        (lambda p: p.graph.node[0].attribute.append(p.graph.node[0].attribute[0]), r"expected it once, found it twice"),
        (lambda p: _set(p, [float("nan")]), r"expected numbers, found NaN"),
        (lambda p: _set(p, [float("inf"), float("nan")]), r"expected numbers, found NaN"),
        (lambda p: setattr(_first(p), "data_type", TensorProto.STRING), r"expected a data type of rnnedge, found 8"),
        (lambda p: setattr(_first(p), "raw_data", b"123"), r"found 3$"),
        (lambda p: _first(p).dims.append(-1), r"found -1"),
        (lambda p: _first(p).dims.append(0), r"expected 0 bytes"),
        (lambda p: p.ClearField("graph"), r"expected a graph, found none"),
        (lambda p: setattr(p.graph.value_info[0].type.tensor_type.shape.dim.add(), "dim_value", 1 << 62), r"a dim of"),
    ],
)
def test_what_no_exported_file_has_is_refused(change: Callable[[onnx.ModelProto], object], words: str) -> None:
    """By the policy, with the place, before onnxruntime sees it."""
    proto = model()
    check_policy(sealed(proto), LIMITS)
    change(proto)
    with pytest.raises(ModelRefused, match=words):
        check_policy(sealed(proto), LIMITS)


def _scan(**attributes: object) -> bytes:
    """The golden file, which also scans its input with a body that takes and gives one value."""
    proto = model()
    value = helper.make_tensor_value_info("v", TensorProto.FLOAT, [])
    body = helper.make_graph([], "body", [value], [value])
    node = helper.make_node("Scan", ["x"], ["scanned"], **{"body": body, "num_scan_inputs": 1, **attributes})
    proto.graph.node.append(node)
    return sealed(proto)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"num_scan_inputs": 0}, "expected 1 to 1 scanned inputs, found 0"),
        ({"num_scan_inputs": 2}, "expected 1 to 1 scanned inputs, found 2"),
        ({"body": helper.make_graph([], "body", [], [])}, "expected 1 inputs of its body, found 0"),
    ],
)
def test_a_scan_takes_what_its_body_takes(attributes: dict[str, object], words: str) -> None:
    """Its attributes and its body agree with the node."""
    check_policy(_scan(), LIMITS)
    with pytest.raises(ModelRefused, match=words):
        check_policy(_scan(**attributes), LIMITS)


def test_a_split_writes_what_it_says() -> None:
    """onnxruntime 1.32 ends the process over one that does not."""
    proto = model()
    proto.graph.node.append(helper.make_node("Split", ["x"], ["a", "b", "c"], num_outputs=3, axis=0))
    check_policy(sealed(proto), LIMITS)
    proto.graph.node[-1].attribute[0].i = 2
    proto.graph.node[-1].attribute[1].i = 2
    with pytest.raises(ModelRefused, match="expected 2 outputs, found 3"):
        check_policy(sealed(proto), LIMITS)


def test_an_input_that_is_left_out_has_to_be_one_that_may() -> None:
    """onnxruntime 1.32 ends the process over a `LayerNormalization` whose bias has an empty name."""
    proto = model()
    node = next(n for n in proto.graph.node if n.op_type == "LayerNormalization")
    node.input[2] = ""
    with pytest.raises(ModelRefused, match="every input of LayerNormalization, found an empty one"):
        check_policy(sealed(proto), LIMITS)
    proto = model()
    node = next(n for n in proto.graph.node if n.op_type == "GRU")
    assert "" in node.input
    node.input[-1] = ""
    with pytest.raises(ModelRefused, match="every input of GRU, found an empty one"):
        check_policy(sealed(proto), LIMITS)
    proto = model()
    proto.graph.node[-1].output[0] = ""
    with pytest.raises(ModelRefused, match="expected the name of every output"):
        check_policy(sealed(proto), LIMITS)


def test_infinity_is_a_weight() -> None:
    """It is how attention, a maximum or a minimum leaves a frame out."""
    proto = model()
    _set(proto, [float("-inf"), float("inf")])
    check_policy(sealed(proto), LIMITS)


def test_a_graph_that_stands_in_the_file_twice_is_refused() -> None:
    """A lenient parser joins the two, so that what was looked at is not what would run."""
    proto = model()
    other = onnx.ModelProto()
    other.graph.node.append(helper.make_node("Relu", ["x"], ["z"]))
    with pytest.raises(ModelRefused, match="expected one field 'graph', found two"):
        check_policy(other.SerializeToString() + sealed(proto), LIMITS)


@in_one_test(
    ("data", "words"),
    [
        (b"\x08" + b"\xff" * 11, r"byte 1: expected a number"),
        (b"\x08", r"byte 1: expected a number"),
        (b"\x12\x05ab", r"expected at most 2 bytes, found a length of 5"),
        (b"\x12\x02\xff\xfe", r"expected text in UTF-8"),
        (b"\x0b\x0c", r"found field 1 of wire type 3"),
        (b"\x72\x04\x12\x02\xff\xfe", r"metadata: .* an unknown one ''"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes, words: str) -> None:
    """A number without an end, a length beyond the end, groups, and text that is none."""
    with pytest.raises(ModelRefused, match=words):
        check_policy(data, LIMITS)


@in_one_test(
    ("limits", "words"),
    [
        (LIMITS._replace(file_bytes=100), r"expected at most 100 bytes"),
        (LIMITS._replace(entry_bytes=100), r"metadata 'rnnedge\.\w+': expected at most 100 bytes"),
        (LIMITS._replace(nodes=3), r"expected at most 3 nodes"),
        (LIMITS._replace(fields=100), r"expected at most 100 fields"),
        (LIMITS._replace(frames=0), r"contract\.hop: expected at most 0"),
        (LIMITS._replace(buffer_bytes=10), r"expected buffers of at most 10 bytes"),
    ],
)
def test_every_limit_is_kept(limits: object, words: str) -> None:
    """The golden file is refused as soon as one limit is below what it has."""
    data = sealed(model())
    with pytest.raises(ModelRefused, match=words):
        open_untrusted(data, "m", lambda watch: load_bytes(data, "m", trust="local"), limits)  # type: ignore[arg-type]


def test_a_load_that_takes_too_long_is_refused() -> None:
    """Also where what takes long is no graph that could be stopped."""
    data, told = sealed(model()), Event()

    def slow(watch: object) -> Model:
        told.wait()
        return load_bytes(data, "m", trust="local")

    with pytest.raises(ModelRefused, match=r"expected to open and replay in 0.01 s"):
        open_untrusted(data, "m", slow, LIMITS._replace(seconds=0.01))
    told.set()


def _golden(**fields: object) -> bytes:
    return with_contract(lambda golden: golden.update(fields), "rnnedge.golden")


@in_one_test(
    ("data", "words"),
    [
        (lambda: _golden(tolerance=1e9), r"golden\.tolerance: expected at most 0\.01 of the outputs"),
        (lambda: _golden(tolerance=float("nan")), r"golden\.tolerance"),
        (lambda: _golden(tolerance=-1), r"golden\.tolerance"),
        (lambda: _golden(inputs={}), r"golden\.inputs: expected those of the contract"),
        (lambda: _golden(outputs={}), r"golden\.outputs: expected those of the contract"),
        (lambda: with_metadata("{}"), r"malformed contract"),
        (
            lambda: with_contract(lambda c: (c.pop("stride"), c["outputs"][0]["clock"].update(rate=[1 << 30, 1]))),
            r"clock\.rate",
        ),
        (lambda: with_contract(lambda c: c.update(least=1 << 40)), r"contract\.least"),
    ],
)
def test_a_promise_that_is_out_of_bounds_is_refused(data: Callable[[], bytes], words: str) -> None:
    """A sample that proves nothing, and frames that would be waited for without end."""
    with pytest.raises(ModelRefused, match=words) as caught:
        load_bytes(data(), "m", trust="strict")
    assert "\n" not in str(caught.value) and "trust='local'" in str(caught.value)


def test_a_graph_that_gets_nothing_is_refused() -> None:
    """Neither a state nor the frames of an input may be empty: kernels end the process over that."""
    contract = parse(model_metadata(), "m")
    check_promises(contract, LIMITS)
    no_state = replace(contract.states[0], shape=(1, "batch", 0))
    no_features = replace(contract.inputs[0], shape=("batch", "time", 0))
    for changed, name in (
        (replace(contract, states=(no_state, *contract.states[1:])), no_state.input),
        (replace(contract, inputs=(no_features,)), no_features.name),
    ):
        with pytest.raises(ContractError, match=rf"contract\.{name}: expected at least one element"):
            check_promises(changed, LIMITS)


def model_metadata() -> dict[str, str]:
    """The entries of the golden file."""
    return {entry.key: entry.value for entry in model().metadata_props}


def test_a_file_without_a_golden_sample_is_refused() -> None:
    """There would be nothing to show that it does what it says."""
    proto = model()
    del proto.metadata_props[next(i for i, e in enumerate(proto.metadata_props) if e.key == "rnnedge.golden")]
    with pytest.raises(ContractError, match="golden sample: expected one, found none"):
        load_bytes(sealed(proto), "m", trust="strict")


def test_onnx_bytes_that_look_like_another_format_are_read_as_onnx(native: Exported) -> None:
    """Four letters in the right place make onnxruntime take them for its own format, whose offsets it trusts."""
    proto = onnx.load(native.path)
    del proto.metadata_props[-1]
    proto.producer_name = "ORTM"
    data = sealed(proto)
    assert data[4:8] == b"ORTM"
    for trust in ("strict", "local"):
        assert load_bytes(data, "m", trust=trust).contract.form == "native"
