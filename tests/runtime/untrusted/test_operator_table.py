"""The operator table, row by row: valid nodes are passed over, and each contradiction of its rules is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from in_one_test import in_one_test
from onnx import helper, numpy_helper
from operator_samples import SAMPLES, Sample

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.untrusted.operator_table import FAMILIES, Node, check_node, operators, result_types
from rnnedge_runtime.untrusted.operator_table.table import row_of

LARGE = np.iinfo(np.int64).max


def node(operator: str, attributes: dict[str, Any], *shapes: Any, outputs: int = 1) -> Node:
    """A node whose inputs have these shapes; an array is a constant, None is not known, "" is left out."""
    names = tuple("" if isinstance(shape, str) else f"x{k}" for k, shape in enumerate(shapes))
    known: dict[str, Any] = dict(zip(names, shapes, strict=True))
    constants = {name: value for name, value in known.items() if isinstance(value, np.ndarray | np.generic)}
    return Node(
        operator,
        names,
        tuple(f"y{k}" for k in range(outputs)),
        attributes,
        lambda name: known[name].shape if name in constants else known[name],
        lambda name: constants[name].dtype.name if name in constants else "float32",
        lambda name: None if name not in constants else np.asarray(constants[name]),
    )


def sample_node(operator: str, sample: Sample, known: bool = True) -> Node:
    """The node of a sample, its parameters constant, the shapes of its data known or not."""
    attributes, inputs = sample
    shapes = ("" if one is None else one if known or not isinstance(one, tuple) else None for one in inputs)
    return node(operator, attributes, *shapes, outputs=2 if operator in ("Split", "TopK") else 1)


@in_one_test("operator", SAMPLES)
@in_one_test("known", [True, False])
def test_valid_nodes_are_allowed(operator: str, known: bool) -> None:
    """Whether the shapes of their data are known or not."""
    for sample in SAMPLES[operator]:
        check_node(sample_node(operator, sample, known))


@in_one_test("operator", sorted(operators()))
def test_what_no_row_names_is_refused(operator: str) -> None:
    """An attribute of another operator, and one of no known kind."""
    sample = SAMPLES.get(operator, [({}, ())])[0]
    made = sample_node(operator, sample)
    for name, value in (("exec", 1), ("x" * 100, "y"), ("axis ", 0)):
        with pytest.raises(ModelRefused, match=r"expected no attribute|inputs of"):
            check_node(Node(operator, made.inputs, made.outputs, {**made.attributes, name: value}))


@in_one_test("operator", sorted(SAMPLES))
def test_every_integer_has_an_end(operator: str) -> None:
    """No attribute of integers takes the largest or the least one that a file can say, seeds and cuts apart."""
    sample = SAMPLES[operator][0]
    made = sample_node(operator, sample)
    for name, kind in row_of(operator).attributes.items():
        if name in ("starts", "ends"):
            continue
        for value in (LARGE, -LARGE - 1, [LARGE], [1, -LARGE - 1], [0] * 100_000):
            assert kind.wrong(value), (name, value)
            with pytest.raises(ModelRefused):
                check_node(Node(operator, made.inputs, made.outputs, {**made.attributes, name: value}))


def test_every_family_has_rows() -> None:
    """A family that was not imported would allow nothing."""
    assert len(FAMILIES) == len({family.__name__ for family in FAMILIES}) > 10
    assert len(operators()) > 100


@in_one_test(
    ("good", "bad", "words"),
    [
        (("GatherND", {"batch_dims": 1}, (3, 4, 2), (3, 1)), ("GatherND", {"batch_dims": -1}, (3, 4, 2), (3, 1)),
         "an integer of 0 to 7"),
        (("GatherND", {"batch_dims": 1}, (3, 4, 2), (3, 1)), ("GatherND", {"batch_dims": 2}, (3, 4, 2), (3, 1)),
         "batch_dims of less than 2, the axes of input 1"),
        (("GatherND", {"batch_dims": 1}, (3, 4), None), ("GatherND", {"batch_dims": 2}, (3, 4), None),
         "the axes of input 0"),
        (("Transpose", {"perm": [1, 0]}, (2, 3)), ("Transpose", {"perm": [1, 1]}, (2, 3)), "an order of the axes"),
        (("Transpose", {"perm": [1, 0]}, None), ("Transpose", {"perm": [1, 0]}, (2, 3, 4)), "an order of the axes"),
        (("Cast", {"to": 7}, (2,)), ("Cast", {"to": 8}, (2,)), "as the type of a Cast, found 8"),
        (("Cast", {"to": 7}, (2,)), ("Cast", {}, (2,)), "the attribute 'to' of Cast, found none"),
        (("Constant", {"value_int": 3}), ("Constant", {}), "one value of a Constant"),
        (("Constant", {"value_int": 3}), ("Constant", {"value_int": 3, "value_float": 1.0}), "one value of a Constant"),
        (("ConstantOfShape", {"value": np.zeros(1)}, None), ("ConstantOfShape", {"value": np.zeros(2)}, None),
         "one number to fill with"),
        (("MaxPool", {"kernel_shape": [256, 256]}, None), ("MaxPool", {"kernel_shape": [256, 257]}, None),
         "a window of at most 65,536, found 65,792"),
        (("Add", {}, None, None), ("Add", {}, None), "expected 2 inputs of Add, found 1"),
        (("Clip", {}, None, "", None), ("Clip", {}, None, ""), "the name of every input of Clip"),
        (("Dropout", {"ratio": 0.5}, None), ("Dropout", {"ratio": 1.5}, None), "a number of 0 to 1"),
        (("BatchNormalization", {"training_mode": 0}, *[None] * 5), ("BatchNormalization", {"training_mode": 1},
                                                                     *[None] * 5), "an integer of 0 to 0"),
        (("Pad", {"mode": "wrap"}, None, None), ("Pad", {"mode": "wrapped"}, None, None), "one of constant, reflect"),
        (("RNN", {"activations": ["Relu"]}, None, None, None), ("RNN", {"activations": ["Relu"] * 7}, *[None] * 3),
         "at most 6 of Relu"),
    ],
)  # fmt: skip
def test_a_rule_refuses_what_contradicts_it(good: tuple[Any, ...], bad: tuple[Any, ...], words: str) -> None:
    """And nothing else: each has a node beside it that is as it should be."""
    check_node(node(*good))
    with pytest.raises(ModelRefused, match=words):
        check_node(node(*bad))


def test_a_split_gives_what_it_says() -> None:
    """Of its outputs, by their names."""
    check_node(node("Split", {"num_outputs": 2}, None, outputs=2))
    with pytest.raises(ModelRefused, match="expected 2 outputs, found 3"):
        check_node(node("Split", {"num_outputs": 2}, None, outputs=3))


def inferred(operator: str, sample: Sample, dtype: str) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """The types of outputs that the table says, and those that ONNX infers; () where ONNX does not allow `dtype`."""
    attributes, inputs = sample
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    types: dict[str, str] = {}
    ports, constants = [], []
    for k, value in enumerate(inputs):
        if isinstance(value, tuple):
            ports.append(helper.make_tensor_value_info(f"x{k}", kind, list(value)))
            types[f"x{k}"] = dtype
        elif value is not None:
            constants.append(numpy_helper.from_array(np.asarray(value), f"x{k}"))
            types[f"x{k}"] = np.asarray(value).dtype.name
    names = ["" if value is None else f"x{k}" for k, value in enumerate(inputs)]
    outputs = ["y0", "y1"] if operator in ("Split", "TopK", "MaxPool", "Dropout") else ["y0"]
    one = helper.make_node(operator, names, outputs, **attributes)
    graph = helper.make_graph([one], "g", ports, [onnx.ValueInfoProto(name=name) for name in outputs], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    try:
        found = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph.output
    except (onnx.shape_inference.InferenceError, RuntimeError):
        return (), ()
    expected = tuple(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type).name for value in found)
    said = result_types(Node(operator, tuple(names), tuple(outputs), attributes, type_of=types.get))
    return tuple(said), expected


@in_one_test("operator", sorted(name for name in SAMPLES if "::" not in name))
def test_the_types_of_results_are_those_of_onnx(operator: str) -> None:
    """For every type that the operator takes: guards of integers depend on it."""
    found = [inferred(operator, one, dtype) for one in SAMPLES[operator]
             for dtype in ("float32", "float16", "float64", "int64", "int32", "uint8", "int8", "bool")]  # fmt: skip
    assert any(expected for _, expected in found)
    assert [said for said, _ in found] == [expected for _, expected in found]
