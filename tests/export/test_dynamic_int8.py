"""Files of `quantize_dynamic` are adopted: what is written for strict loaders is number by number the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import foreign
import numpy as np
import onnx
import pytest
from foreign import node

STEP = [
    node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
    node("MatMulInteger", ["q", "w", "zero", "shift"], ["whole"]),
    node("Cast", ["whole"], ["sum"], to=foreign.FLOAT),
    node("Mul", ["scale", "fine"], ["scales"]),
    node("Mul", ["sum", "scales"], ["a"]),
    node("Add", ["a", "h"], ["b"]),
    node("Tanh", ["b"], ["hn"]),
    node("Identity", ["hn"], ["y"]),
]


@pytest.mark.parametrize(("depth", "columns"), [(8, 1), (1300, 5)])
def test_products_of_dynamic_ranges(depth: int, columns: int, tmp_path: Path) -> None:
    """One zero point of the weights or one for each column; rows longer than float32 sums exactly; silence."""
    rng = np.random.default_rng(0)
    shift: Any = rng.integers(-9, 9, columns).astype(np.int8) if columns > 1 else np.int8(3)
    fine = np.float32(0.002 / depth)
    given = {"w": rng.integers(-128, 128, (depth, 5)).astype(np.int8), "shift": shift, "fine": fine}
    ports = {"x": [1, depth], "h": [1, 5]}, {"y": [1, 5], "hn": [1, 5]}
    file = foreign.write(tmp_path / "f.onnx", STEP, *ports, given)
    foreign.adopt(file, tmp_path / "s.onnx", states={"h": "hn"}, time_axis=None)
    assert "MatMulInteger" not in {n.op_type for n in onnx.load(tmp_path / "s.onnx").graph.node}
    frames = rng.standard_normal((12, depth)).astype(np.float32) * np.float32(3)
    frames[4:6] = 0
    state, expected = np.zeros((1, 5), np.float32), []
    for frame in frames:
        y, state = foreign.whole(file, x=frame[None], h=state)
        expected.append(y[0])
    foreign.streams_as(tmp_path / "s.onnx", frames, np.stack(expected), atol=0)
