"""Einsum becomes products of matrices, also with an ellipsis and without a named result."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import torch
from in_one_test import in_one_test

from rnnedge_export.graph.builder import GraphBuilder
from rnnedge_export.graph.cpu_session import session
from rnnedge_export.graph.decompositions import DECOMPOSITIONS

_RNG = np.random.default_rng(0)


def _graph(equation: str, shapes: list[tuple[int, ...]], out: tuple[int, ...]) -> ir.Model:
    names = [f"x{k}" for k in range(len(shapes))]
    node = onnx.helper.make_node("Einsum", names, ["y"], equation=equation)
    info = onnx.helper.make_tensor_value_info
    inputs = [info(name, onnx.TensorProto.FLOAT, shape) for name, shape in zip(names, shapes, strict=True)]
    graph = onnx.helper.make_graph([node], "g", inputs, [info("y", onnx.TensorProto.FLOAT, out)])
    return ir.from_proto(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)]))


@in_one_test(
    "equation, shapes",
    [
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("...hd,hod->...ho", [(2, 5, 3, 4), (3, 6, 4)]),
        ("b...,b...->b", [(2, 3, 4), (2, 3, 4)]),
        ("i...,j", [(3, 2, 4), (5,)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("z...->...", [(2, 3, 4)]),
        ("btd,btn,btd->btdn", [(2, 3, 4), (2, 3, 5), (2, 3, 4)]),
        ("...nde,...nd,...n->...ne", [(2, 3, 4, 5), (2, 3, 4), (2, 3)]),
        ("ij,jk,kl,lm", [(2, 3), (3, 4), (4, 5), (5, 6)]),
    ],
)
def test_a_product_is_what_torch_computes(equation: str, shapes: list[tuple[int, ...]]) -> None:
    """No Einsum is left."""
    arrays = [_RNG.standard_normal(shape, np.float32) for shape in shapes]
    expected = torch.einsum(equation, *map(torch.from_numpy, arrays)).numpy()
    model = _graph(equation, shapes, expected.shape)
    DECOMPOSITIONS["Einsum"](model.graph[0], GraphBuilder(model))
    assert "Einsum" not in {node.op_type for node in model.graph}
    (actual,) = session(ir.to_proto(model)).run(None, {f"x{k}": array for k, array in enumerate(arrays)})
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5)


def test_ellipses_of_several_lengths_stay() -> None:
    """torch repeats the shorter one; this does not."""
    model = _graph("...i,...i->...", [(2, 3, 4), (3, 4)], (2, 3))
    DECOMPOSITIONS["Einsum"](model.graph[0], GraphBuilder(model))
    assert [node.op_type for node in model.graph] == ["Einsum"]
