"""What `lower` refuses, and how it says so."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import pytest
from in_one_test import in_one_test
from onnx import parser

from rnnedge_export.forms import lower
from rnnedge_runtime.errors import ModelRefused


def model(opset: int = 20, attributes: str = "hidden_size = 2", inputs: str = "x, w, r") -> ir.Model:
    """One GRU."""
    text = f"""<ir_version: 9, opset_import: ["" : {opset}]>
    g (float[time, batch, 3] x, float[1, 6, 3] w, float[1, 6, 2] r) => (float[time, 1, batch, 2] y) {{
        y = GRU <{attributes}> ({inputs})
    }}"""
    return ir.from_proto(parser.parse_model(text))


@in_one_test(
    ("made", "options", "message"),
    [
        (model(), {"form": "loop"}, r"form 'loop': expected one of native, scan, unrolled, step"),
        (model(17), {"form": "scan"}, r"opset 17: expected 18 or later"),
        (model(), {"form": "unrolled"}, r"form 'unrolled': chunk is None; expected the number of frames per call"),
        (model(), {"form": "unrolled", "chunk": 0}, r"form 'unrolled': chunk is 0; expected"),
        (
            model(),
            {"form": "scan", "finals": {ir.Node("", "GRU", []): ir.Value(name="n")}},
            r"form 'scan': finals given",
        ),
        (model(20, 'activations = ["Tanh"]'), {"form": "scan"}, r"GRU: 1 activations; expected 2"),
        (
            model(20, 'activations = ["Tanh", "Gelu"]'),
            {"form": "scan"},
            r"GRU: activation 'Gelu'; expected one of Affine",
        ),
        (model(20, 'direction = "up"'), {"form": "scan"}, r"GRU: direction 'up'; expected forward, reverse or bidir"),
        (model(inputs="x, w"), {"form": "scan"}, r"GRU: GRU without X, W and R; expected all three"),
    ],
)
def test_refused(made: ir.Model, options: dict[str, Any], message: str) -> None:
    """A request that cannot be met is a ModelRefused that names place, expected and found."""
    with pytest.raises(ModelRefused, match=message):
        lower(made, **options)
