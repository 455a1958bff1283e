"""The operator table, row by row: valid nodes are passed over, and each contradiction of its rules is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from operator_samples import SAMPLES, Sample

from rnnedge_runtime import ModelRefused
from rnnedge_runtime.careful.operator_table import FAMILIES, Node, check_node, operators
from rnnedge_runtime.careful.operator_table.table import row_of

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


@pytest.mark.parametrize("operator", SAMPLES)
@pytest.mark.parametrize("known", [True, False])
def test_valid_nodes_are_allowed(operator: str, known: bool) -> None:
    """Whether the shapes of their data are known or not."""
    for sample in SAMPLES[operator]:
        check_node(sample_node(operator, sample, known))


@pytest.mark.parametrize("operator", sorted(operators()))
def test_what_no_row_names_is_refused(operator: str) -> None:
    """An attribute of another operator, and one of no known kind."""
    sample = SAMPLES.get(operator, [({}, ())])[0]
    made = sample_node(operator, sample)
    for name, value in (("exec", 1), ("x" * 100, "y"), ("axis ", 0)):
        with pytest.raises(ModelRefused, match=r"expected no attribute|inputs of"):
            check_node(Node(operator, made.inputs, made.outputs, {**made.attributes, name: value}))


@pytest.mark.parametrize("operator", sorted(SAMPLES))
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


@pytest.mark.parametrize(
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
        (("Upsample", {"scales": [2.0]}, None), ("Upsample", {"scales": [0.5]}, None), "a number of 1 to inf"),
        (("Upsample", {"scales": [2.0]}, None), ("Upsample", {"scales": [float("inf")]}, None), "a finite number"),
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
