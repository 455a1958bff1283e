"""Files that are no ONNX, or ask for anything, are refused in a line before anything is computed of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from foreign import node
from onnx import TensorProto, helper, numpy_helper

from rnnedge_export.onnx_files._plain import make_plain
from rnnedge_export.onnx_files._validity import check_valid
from rnnedge_runtime.errors import ModelRefused

OPSET = helper.make_opsetid("", 17)
OWN = [OPSET, helper.make_opsetid("own", 1)]


def model(nodes: list[onnx.NodeProto] | None = None, functions: int = 0) -> onnx.ModelProto:
    """An Add; or its nodes; or a call of the first of so many functions, each of which calls the next one twice."""
    port = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "time", 4]) for name in ("x", "y")]
    called = [helper.make_node("F0", ["x"], ["y"], domain="own")] if functions else None
    graph = helper.make_graph(nodes or called or [node("Add", ["x", "x"], ["y"])], "g", port[:1], port[1:])
    made = [_twice(k, functions) for k in range(functions)]
    return helper.make_model(graph, opset_imports=OWN, functions=made)


def _twice(number: int, functions: int) -> onnx.FunctionProto:
    last = number == functions - 1
    name, domain = ("Neg", "") if last else (f"F{number + 1}", "own")
    pairs = (("a", "b"), ("b", "c"))
    nodes = [helper.make_node(name, [one], [other], domain=domain) for one, other in pairs]
    return helper.make_function("own", f"F{number}", ["a"], ["c"], nodes, OWN)


def _sparse(*indices: int, dims: tuple[int, ...] = (4, 4)) -> onnx.ModelProto:
    made = model()
    values = numpy_helper.from_array(np.ones(len(indices), np.float32), "s")
    places = numpy_helper.from_array(np.array(indices, np.int64), "s_indices")
    made.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, dims))
    return made


def _changed(change: Callable[[onnx.ModelProto], object]) -> onnx.ModelProto:
    made = model()
    change(made)
    return made


def _odd_type(made: onnx.ModelProto) -> None:
    made.graph.initializer.append(TensorProto(name="w", data_type=99))


def _sequence(made: onnx.ModelProto) -> None:
    made.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1]))


def _huge(made: onnx.ModelProto) -> None:
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 62


def _filled(operator: str, *sizes: object) -> onnx.ModelProto:
    """A value of a constant size, of which a number is added."""
    made = model([node("ReduceSum", ["big"], ["one"], keepdims=0), node("Add", ["x", "one"], ["y"])])
    names = [f"c{k}" for k in range(len(sizes))]
    made.graph.node.insert(0, node(operator, names, ["big"], name="fill"))
    made.graph.initializer.extend(numpy_helper.from_array(np.asarray(s), n) for n, s in zip(names, sizes, strict=True))
    return made


def _itself(made: onnx.ModelProto) -> None:
    body = [helper.make_node("F", ["a"], ["b"], domain="own")]
    made.functions.append(helper.make_function("own", "F", ["a"], ["b"], body, OWN))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (model(functions=40), "1,000,000 nodes with its functions inlined"),
        (_changed(_itself), "calls itself"),
        (_changed(_odd_type), "'w': expected a type of ONNX, found 99"),
        (_changed(_sequence), "'x': expected an input of numbers"),
        (_changed(_huge), "'x': expected at most"),
        (_changed(lambda made: made.graph.output[0].CopyFrom(made.graph.input[0])), "an input that is an output"),
        (_changed(lambda made: made.graph.ClearField("node")), "no operators"),
        (_changed(lambda made: made.graph.ClearField("output")), "at least one output"),
        (model([node("Neg", ["x"], ["y"])] * 2), "two nodes give it"),
        (_filled("ConstantOfShape", [1 << 30]), "node 'fill': expected ConstantOfShape to fill at most 67,108,864"),
        (_filled("Expand", np.float32(1), [1 << 15, 1 << 15]), "expected Expand to fill at most"),
        (_filled("Tile", np.ones(4, np.float32), [1 << 40]), "expected Tile to fill at most"),
        (_filled("Range", np.float32(0), np.float32(3e9), np.float32(1)), "expected Range to fill at most"),
        (_sparse(1 << 40), "lie within"),
        (_sparse(-1), "lie within"),
        (_sparse(0, dims=(1 << 40,)), "sparse weight of at most"),
        (_sparse(0, dims=(-4, 4)), "sparse weight of at most"),
    ],
)
def test_what_is_no_valid_file_is_refused(made: onnx.ModelProto, words: str) -> None:
    """In a line that names it."""

    def opened() -> None:
        check_valid(made, "f.onnx")
        make_plain(made)

    with pytest.raises(ModelRefused, match=words):
        opened()


def test_functions_are_counted_as_they_are_called() -> None:
    """However deep, and those that are called often too; a plain sparse weight is a dense one."""
    check_valid(model(functions=18), "f.onnx")
    check_valid(_filled("ConstantOfShape", [1 << 20]), "f.onnx")
    made = _sparse(0, 5)
    check_valid(made, "f.onnx")
    make_plain(made)
    assert numpy_helper.to_array(made.graph.initializer[0]).reshape(-1)[:6].tolist() == [1, 0, 0, 0, 0, 1]
