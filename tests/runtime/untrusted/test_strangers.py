"""What one sequence leaves to the next in a file from somebody else, and what is drawn anew: nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from bombs import model, sealed, with_nodes
from onnx import TensorProto, helper

from rnnedge_runtime import ContractError, ModelRefused
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.policy import check_policy

_node = helper.make_node


def _with_context(nodes: Sequence[onnx.NodeProto]) -> bytes:
    """The golden file with a value "who" per sequence, of which `nodes` make "who_next"."""
    proto = model()
    for side, name in ((proto.graph.input, "who"), (proto.graph.output, "who_next")):
        side.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3]))
    proto.graph.node.extend(nodes)
    held = next(entry for entry in proto.metadata_props if entry.key == "rnnedge.contract")
    fields = json.loads(held.value)
    fields["states"].append({
        "input": "who", "output": "who_next", "dtype": "float32", "shape": ["batch", 3], "batch_axis": 0,
        "initial": 0.0, "warmup": 0, "context": "optional",
    })  # fmt: skip
    held.value = json.dumps(fields)
    return sealed(proto)


@pytest.mark.parametrize(
    "nodes",
    [[_node("Identity", ["who"], ["who_next"])],
     [_node("Identity", ["who"], ["on"]), _node("Identity", ["on"], ["who_next"], domain="ai.onnx")]],
)  # fmt: skip
def test_a_value_per_sequence_is_handed_on(nodes: list[onnx.NodeProto]) -> None:
    """As every file of ours does; `reset` keeps it."""
    loaded = load_bytes(_with_context(nodes), "m", trust="strict", in_child=False)
    stream = loaded.stream(context={"who": np.full(3, 7, np.float32)})
    stream.push(np.ones((2, 4), np.float32))
    stream.reset()
    np.testing.assert_array_equal(stream.context["who"], np.full(3, 7))


@pytest.mark.parametrize(
    "nodes",
    [
        [_node("Add", ["who", "who"], ["who_next"])],
        [_node("Neg", ["who"], ["minus"]), _node("Identity", ["minus"], ["who_next"])],
        [_node("ReduceMax", ["y"], ["seen"], keepdims=0), _node("Add", ["who", "seen"], ["who_next"])],
    ],
    ids=["twice", "minus", "what it saw"],
)
def test_a_value_per_sequence_that_the_graph_changes_is_refused(nodes: list[onnx.NodeProto]) -> None:
    """What it saw of one caller would be there for the next one, after `reset`."""
    with pytest.raises(ContractError, match=r"contract\.who\.context: expected a value that the graph hands on as it"):
        load_bytes(_with_context(nodes), "m", trust="strict", in_child=False)


def test_a_dropout_that_drops_is_refused() -> None:
    """Its numbers are drawn anew in every call; one that is switched off is taken."""
    ratio, on, off = np.float32(0.5), np.bool_(True), np.bool_(False)
    drop = _node("Dropout", ["x", "r", "t"], ["bomb"])
    check_policy(with_nodes([drop], r=ratio, t=off), LIMITS)
    check_policy(with_nodes([_node("Dropout", ["x", "r"], ["bomb"])], r=ratio), LIMITS)
    computed = [_node("Not", ["n"], ["t"]), drop]
    for data in (with_nodes([drop], r=ratio, t=on), with_nodes(computed, r=ratio, n=on)):
        with pytest.raises(ModelRefused, match="expected a constant false as training_mode of Dropout"):
            check_policy(data, LIMITS)
