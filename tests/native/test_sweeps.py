"""Sweeps over large weights run backwards in every second step, and in another order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from native_library import compile_library
from shares import one_in
from torch import nn

from rnnedge_export.codegen import write_c
from rnnedge_export.precision import Precision
from rnnedge_export.session import ExportOptions
from rnnedge_export.sources import of_module
from rnnedge_runtime import load
from rnnedge_runtime.golden import max_error

INPUTS = 16


@pytest.mark.parametrize(
    ("precision", "hidden", "groups", "tolerance"), one_in(2, [("float32", 260, 2, 1e-5), ("int8", 516, 3, 5e-3)])
)
def test_every_second_step_begins_at_the_other_end(
    precision: str, hidden: int, groups: int, tolerance: float, tmp_path: Path
) -> None:
    """Two layers of large weights, a panel not full: products of one layer may change places, those of two may not."""
    torch.manual_seed(0)
    module = nn.GRU(INPUTS, hidden, 2, batch_first=True).eval()
    path = tmp_path / "net.onnx"
    with of_module(module, torch.zeros(1, 8, INPUTS), time_axis=1, say=lambda _: None) as session:
        path.write_bytes(session.candidate(ExportOptions("step", Precision(precision)), "net.onnx").stamped())
    data = path.read_bytes()
    found = write_c(data, "net", lanes=8).c.count("switch (turn")
    assert found == groups
    options = {"native": {"library": str(compile_library(data, tmp_path, block=3))}}
    native = load(path, provider="native", provider_options=options, trust="local")
    x = np.random.default_rng(0).standard_normal((3, 7, INPUTS)).astype(np.float32)
    for batch in (1, 3):
        given = x[0] if batch == 1 else x
        found, right = (model.stream(batch).push(given) for model in (native, load(path, trust="local")))
        assert max_error(found, right) <= tolerance
