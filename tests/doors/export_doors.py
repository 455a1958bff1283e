"""The doors of `rnnedge_export`, over networks that are exported in a moment."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from door import Door
from onnx import TensorProto, helper

from rnnedge_export import Effort, ExportOptions, Precision, adopt, convert, export, verify

RECORDS = {"Check", "Report", "Verification"}


def _stateful(path: Path) -> None:
    """y = x + h, and y is the next h."""
    shape = ["batch", "time", 2]
    nodes = [
        helper.make_node("CumSum", ["x", "axis"], ["sums"]),
        helper.make_node("Add", ["sums", "h"], ["y"]),
        helper.make_node("Gather", ["y", "last"], ["hn"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("h", TensorProto.FLOAT, ["batch", 1, 2]),
        ],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("hn", TensorProto.FLOAT, ["batch", 1, 2]),
        ],
        [
            onnx.numpy_helper.from_array(np.array(1), "axis"),
            onnx.numpy_helper.from_array(np.array([-1]), "last"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def _offline(path: Path) -> None:
    """y = 2 x."""
    shape = ["batch", "time", 2]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)


def export_doors(folder: Path) -> dict[str, Door]:
    """By name; each writes `out.onnx` in `folder`, and a call that fails leaves no file there."""
    module, example = torch.nn.Linear(5, 3), torch.randn(1, 9, 5)
    sources = folder / "sources"
    sources.mkdir()
    _stateful(sources / "stateful.onnx")
    _offline(sources / "offline.onnx")
    # The length of a proof is no claim here.
    effort = Effort(frames=1024)
    export(module, example, sources / "proven.onnx", effort=effort)
    path = folder / "out.onnx"

    def state() -> object:
        training = [m.training for m in module.modules()]
        return training, sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))

    def after(_: object) -> None:
        for found in folder.iterdir():
            if found.is_file():
                os.unlink(found)  # noqa: PTH108 - a path of any spelling

    def door(call: Callable[..., Any], **good: Any) -> Door:
        return Door(call, good, state, after)

    return {
        "export": door(export, module=module, example=example, path=path, effort=effort),
        "convert": door(convert, offline=sources / "offline.onnx", path=path, effort=effort),
        "adopt": door(adopt, file=sources / "stateful.onnx", path=path, states={"h": "hn"}, effort=effort),
        "verify": door(verify, path=sources / "proven.onnx", source=module, effort=effort),
        "Precision.__init__": Door(Precision, {}),
        "ExportOptions.__init__": Door(ExportOptions, {}),
        "Effort.__init__": Door(Effort, {}),
    }
