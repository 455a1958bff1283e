"""What stands around a program, whatever its file calls things."""

from __future__ import annotations

import copy
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test
from one_node import UNLABELLED, Case, compiled, contract_of, library, run
from onnx import helper, numpy_helper

from rnnedge_export.codegen import render
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_export.codegen.render import header, in_comment
from rnnedge_runtime.errors import InputError


@in_one_test("name", ["*/ evil /*", "**//evil/*", "*\\\n/ evil /*", "*\n/ evil", "/* evil", "\\"])
def test_a_name_stays_in_its_comment(name: str) -> None:
    """Names and paths come from whoever made the file, and what is compiled runs."""
    case = Case("Relu", [np.ones(3, np.float32)])
    one = compiled(case, case.expected(), Weights())
    one = replace(one, inputs=(replace(one.inputs[0], name=name),), outputs=(replace(one.outputs[0], name=name),))
    for text in (header("net", [one], "0", 0, UNLABELLED), f"/* {in_comment(name)} */"):
        # Translation phases 2 and 3 of C: lines are joined, then comments end at the first "*/".
        joined = text.replace("\\\n", "")
        assert not re.search(r"\bevil\b", re.sub(r"/\*.*?\*/", "", joined, flags=re.DOTALL))
        assert joined.count("*/") == len(re.findall(r"/\*.*?\*/", joined, flags=re.DOTALL))


NAMES = [
    "n",
    "t",
    "k",
    "i",
    "i0",
    "row",
    "panel",
    "product",
    "taps",
    "double",
    "class",
    "stream",
    "NULL",
    "net",
    "io_n",
]


def test_inputs_and_outputs_may_be_called_anything(tmp_path: Path) -> None:
    """Variables and functions of the code, words of C and of C++."""
    rng = np.random.default_rng(0)
    x, matrix = rng.standard_normal((2, 64)).astype(np.float32), rng.standard_normal((64, 64)).astype(np.float32)
    weights, parts = Weights(), {}
    for k, name in enumerate(NAMES):
        other = NAMES[k - 1]
        ports = [helper.make_tensor_value_info(one, 1, [2, 64]) for one in (name, other)]
        node = helper.make_node("MatMul", [name, "W"], [other])
        graph = helper.make_graph([node], "one", ports[:1], ports[1:], [numpy_helper.from_array(matrix, "W")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        parts[f"net{k}"] = lower_program(model, contract_of({name: x}, {other: x @ matrix}), 1, 8, weights)
    built = library(parts, weights, 8)
    for (part, one), name in zip(parts.items(), NAMES, strict=True):
        np.testing.assert_allclose(run(built, part, one, {name: x})[0], x @ matrix, rtol=0, atol=1e-4, err_msg=name)
    (tmp_path / "all.h").write_text("\n".join(header(part, [one], "", 0, UNLABELLED) for part, one in parts.items()))
    for language in ("c", "c++"):
        command = ["cc", "-x", language, "-fsyntax-only", "-Werror", str(tmp_path / "all.h")]
        subprocess.run(command, check=True, timeout=60)


@pytest.mark.parametrize("name", ["product", "taps", "int", "class", "LANES", "dot", "a b", "1st", ""])
def test_a_network_is_not_called_like_the_code_around_it(name: str) -> None:
    """A file product.onnx would be a type and a function at once; words of comments are free."""
    with pytest.raises(InputError, match="name: "):
        render.check_name(name)
    render.check_name("model")
    for free in ("columns_and_rows", "units", "weights", "hidden"):
        render.check_name(free)


def test_a_network_may_be_called_like_what_stands_inside_functions() -> None:
    """A type of that name is hidden by the variables of the code around it."""
    case = Case("Gemm", [np.ones((2, 3), np.float32), np.ones((3, 40), np.float32)], {}, {1})
    weights, parts = Weights(), {}
    for name in ("units", "weights", "states", "work", "turn", "x", "h", "panel", "array", "stop", "row", "i", "any"):
        render.check_name(name)
        parts[name] = compiled(case, case.expected(), weights)
    extra = "".join(render.generic(name, one, False) for name, one in parts.items())
    built = library(parts, weights, 8, extra, ["-Wno-unused-function"])
    np.testing.assert_array_equal(run(built, "x", parts["x"], case.given)[0], case.expected()[0])


@pytest.mark.parametrize(
    "name", ["*/ evil /*", "**//evil/*", "a\n*/ evil", "*\\\n/ evil", "\N{RIGHT-TO-LEFT OVERRIDE}/*", "?" * 3 + "/"]
)
def test_the_name_of_a_node_stays_in_its_comment(name: str) -> None:
    """What is compiled runs, and who made the file chose the name; nothing but ASCII gets into the code."""
    case = Case("Relu", [np.ones(3, np.float32)])
    model = copy.deepcopy(case.model)
    model.graph.node[0].name = name
    weights = Weights()
    one = lower_program(model, contract_of(case.given, {"y0": case.expected()[0]}), 1, 8, weights)
    text = render.functions("net", one, False)
    assert "Relu" in text and text.isascii()
    assert "evil" not in re.sub(r"/\*.*?\*/", "", text.replace("\\\n", ""), flags=re.DOTALL)
    np.testing.assert_array_equal(run(library({"net": one}, weights, 8), "net", one, case.given)[0], np.ones(3))
