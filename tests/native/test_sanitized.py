"""Generated C leaves no buffer and meets no undefined behaviour, whatever it is stepped with.

`RNNEDGE_SANITIZED=all` runs every network of the tests and 5,000 changed files (`make fuzz`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import idioms
import numpy as np
import pytest
import quickly
import sanitized
import torch
from exported import export_network
from one_node import Case, contract_of
from operator_mutants import hostile_operator
from structural_mutants import structural
from torch import nn

from examples.networks import small as networks
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.precision import Precision
from rnnedge_runtime.errors import RnnEdgeError

ALL = os.environ.get("RNNEDGE_SANITIZED") == "all"
MUTANTS = 5000 if ALL else 16
TOGETHER = 25
GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


def _floats(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _ints(*shape: int) -> np.ndarray:
    return np.ones(shape, np.int64)


# Operators whose C could overflow, or be given what no number of the result is.
NODES = [
    *(Case(op, [_ints(5), _ints(5)]) for op in ("Add", "Sub", "Mul")),
    *(Case(op, [_ints(5)]) for op in ("Neg", "Abs")),
    *(Case(op, [_ints(3, 5)], {"keepdims": 0}) for op in ("ReduceSum", "ReduceProd")),
    Case("CumSum", [_ints(5), np.array(0)], fixed={1}),
    *(Case("Cast", [_floats(5)], {"to": to}) for to in (6, 7, 9)),
    *(Case("Cast", [_ints(5)], {"to": to}) for to in (1, 6, 9)),
    *(Case(op, [_floats(5)]) for op in ("Floor", "Log", "Exp", "Sin", "Erf", "Tanh", "Sigmoid", "Softplus", "Gelu")),
    *(Case(op, [_floats(5)]) for op in ("Round", "Ceil", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh")),
    *(Case(op, [_floats(5)]) for op in ("Asinh", "Acosh", "Atanh", "Selu", "Celu", "Mish", "Sign", "IsNaN", "IsInf")),
    *(Case("Gather", [_floats(7, 3), _ints(5).astype(dtype)], fixed={0}) for dtype in (np.int64, np.int32)),
    Case("Gather", [_ints(7, 3), _ints(5)]),
    *(Case("GatherElements", [_floats(4, 7), _ints(size, 7)]) for size in (1, 5)),
    *(Case("TopK", [make(3, 7), _ints(1) + 3], {"largest": 0}, {1}, outputs=2) for make in (_floats, _ints)),
    # Sizes that fill no panel of the matrix kernel.
    *(
        Case(
            cell,
            [_floats(3, 2, 5), _floats(1, 3 * gates, 5), _floats(1, 3 * gates, 3)],
            {"hidden_size": 3},
            fixed={1, 2},
        )
        for cell, gates in (("RNN", 1), ("GRU", 3), ("LSTM", 4))
    ),
    Case(
        "GRU", [_floats(3, 2, 5), _floats(1, 12, 5), _floats(1, 12, 4)], {"hidden_size": 4, "clip": 0.5}, fixed={1, 2}
    ),
    Case(
        "LSTM",
        [_floats(3, 2, 5), _floats(1, 16, 5), _floats(1, 16, 4), None, None, None, None, _floats(1, 12)],
        {"hidden_size": 4, "clip": 0.5},
        fixed={1, 2, 7},
    ),
]


def _check(parts: dict[str, StepProgram], weights: Weights, folder: Path) -> None:
    assert not (said := sanitized.run(parts, weights, folder)), said


def test_every_formula_is_defined_for_every_number(tmp_path: Path) -> None:
    """Whole numbers that overflow, floats that are no whole number, NaN, infinities, numbers of no row."""
    weights, parts = Weights(), {}
    for k, case in enumerate(NODES):
        contract = contract_of(case.given, {f"y{at}": y for at, y in enumerate(case.expected())})
        parts[f"node{k}"] = sanitized.write_program(case.model, contract, weights)
    _check(parts, weights, tmp_path)


def _written(data: bytes, weights: Weights, name: str, block: int | None = None) -> tuple[dict[str, StepProgram], str]:
    """The programs of a file, or why there are none."""
    try:
        return sanitized.write(data, weights, name, block), ""
    except RnnEdgeError as error:
        return {}, str(error)


def _networks(folder: Path) -> Iterator[Path]:
    for name in networks.NETWORKS if ALL else ("tokens",):
        yield export_network(name, "step", folder).path
    for name, idiom in idioms.IDIOMS.items() if ALL else ():
        path, example = folder / f"{name}.onnx", idiom.example
        quickly.export(idiom.build().eval(), example if len(example) > 1 else example[0], path, form="step")
        yield path
    for precision in ("int8", "int4") if ALL else ("int4",):
        path = folder / f"{precision}.onnx"
        how = Precision(precision, tolerance=5.0)
        quickly.export(nn.RNN(20, 8, batch_first=True).eval(), torch.zeros(1, 8, 20), path, precision=how)
        yield path


# PyTorch says so once per process.
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.slow
def test_networks_stay_in_their_buffers(tmp_path: Path) -> None:
    """For one sequence and for three, with snapshots in between."""
    weights: Weights = Weights()
    parts: dict[str, StepProgram] = {}
    for k, path in enumerate(_networks(tmp_path)):
        found, reason = _written(path.read_bytes(), weights, f"net{k}", 3)
        assert found or "no rule for this operator" in reason, f"{path}: {reason}"
        parts |= found
        if len(parts) >= TOGETHER:
            _check(parts, weights, tmp_path)
            weights, parts = Weights(), {}
    if parts:
        _check(parts, weights, tmp_path)


@pytest.mark.slow
def test_changed_files_are_refused_or_stay_in_their_buffers(tmp_path: Path) -> None:
    """Hostile operators, and files of another structure; what the compiler raises is an error of ours."""
    files = [GOLDEN.read_bytes(), export_network("both", "step", tmp_path).path.read_bytes()]
    weights, parts, accepted = Weights(), dict[str, StepProgram](), 0
    for seed in range(MUTANTS):
        data, _ = structural(files, seed) if seed % 2 else hostile_operator(files[:1], seed)
        found, reason = _written(data, weights, f"mutant{seed}")
        assert "\n" not in reason, seed
        parts |= found
        accepted += bool(found)
        if len(parts) >= TOGETHER:
            _check(parts, weights, tmp_path)
            weights, parts = Weights(), {}
    if parts:
        _check(parts, weights, tmp_path)
    assert 0.02 * MUTANTS < accepted < 0.9 * MUTANTS


@pytest.mark.parametrize("planted", ["[5] = ", "[-1] = "])
def test_a_planted_defect_is_found(planted: str, tmp_path: Path) -> None:
    """An element behind, or before, what a program says that it writes."""
    case = Case("Softmax", [_floats(5)])
    weights = Weights()
    one = sanitized.write_program(
        case.model, contract_of(case.given, {f"y{at}": y for at, y in enumerate(case.expected())}), weights
    )
    _check({"right": one}, weights, tmp_path)

    def change(code: str) -> str:
        changed = re.sub(r"(\w+_apart\d+)\[i0\] = ", rf"\1{planted}", code, count=1)
        assert changed != code
        return changed

    assert "out of bounds" in sanitized.run({"wrong": one}, weights, tmp_path, change)
