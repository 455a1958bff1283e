"""Integer operators of a file from somebody else: constants that do not fit each other are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import quickly
import torch
from in_one_test import in_one_test
from torch import nn

from rnnedge_export.precision import Precision
from rnnedge_runtime import ModelRefused
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.policy import check_policy

Change = Callable[[onnx.ModelProto, onnx.NodeProto], None]


class Net(nn.Module):
    """A recurrence and a head."""

    def __init__(self, cell: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rnn = cell(16, 40, batch_first=True)
        self.head = nn.Linear(40, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file with each of the operators."""
    folder = tmp_path_factory.mktemp("narrow")
    made = {}
    for operator, cell, precision, tolerance in (
        ("MatMulIntegerToFloat", nn.GRU, "int8", 0.1),
        ("MatMulNBits", nn.GRU, "int4", 0.5),
        ("DynamicQuantizeLSTM", nn.LSTM, "int8", 0.1),
    ):
        torch.manual_seed(0)
        path = folder / f"{operator}.onnx"
        quickly.export(Net(cell), torch.zeros(1, 4, 16), path, precision=Precision(precision, tolerance=tolerance))
        made[operator] = path.read_bytes()
    return made


def changed(data: bytes, operator: str, change: Change) -> bytes:
    """The file with its first node of an operator changed, sealed again."""
    proto = onnx.ModelProto.FromString(data)
    del proto.metadata_props[-1]
    change(proto, next(node for node in proto.graph.node if node.op_type == operator))
    return seal(proto.SerializeToString())


def constant(proto: onnx.ModelProto, name: str) -> onnx.TensorProto:
    """An initializer by name."""
    return next(t for t in proto.graph.initializer if t.name == name)


def attribute(name: str, value: int) -> Change:
    """Set an integer attribute."""

    def change(_: onnx.ModelProto, node: onnx.NodeProto) -> None:
        next(a for a in node.attribute if a.name == name).i = value

    return change


def dims(index: int, turn: Callable[[list[int]], list[int]]) -> Change:
    """Give a constant input other dims of the same number of elements."""

    def change(proto: onnx.ModelProto, node: onnx.NodeProto) -> None:
        tensor = constant(proto, node.input[index])
        found = turn(list(tensor.dims))
        del tensor.dims[:]
        tensor.dims.extend(found)

    return change


def another(index: int, value: str) -> Change:
    """Wire an input to something else."""

    def change(proto: onnx.ModelProto, node: onnx.NodeProto) -> None:
        node.input[index] = value or proto.graph.input[0].name

    return change


def short(index: int) -> Change:
    """Take half of a constant away."""

    def change(proto: onnx.ModelProto, node: onnx.NodeProto) -> None:
        tensor = constant(proto, node.input[index])
        size = len(tensor.raw_data) // max(1, int(torch.tensor(list(tensor.dims)).prod()))
        tensor.raw_data = tensor.raw_data[:size]
        del tensor.dims[:]
        tensor.dims.append(1)

    return change


def test_what_the_exporter_writes_is_allowed(files: dict[str, bytes]) -> None:
    """Unchanged, each of them passes."""
    for data in files.values():
        check_policy(data, LIMITS)


@in_one_test(
    ("operator", "change", "words"),
    [
        ("MatMulNBits", attribute("K", 4096), "expected weights of dims"),
        ("MatMulNBits", attribute("N", 7), "expected weights of dims"),
        ("MatMulNBits", attribute("bits", 2), "expected an integer of 4 to 8"),
        ("MatMulNBits", attribute("bits", 5), "expected 4 or 8 bits"),
        ("MatMulNBits", attribute("block_size", 1), "expected an integer of 16"),
        ("MatMulNBits", attribute("K", -1), "expected an integer of 1"),
        ("MatMulNBits", dims(1, lambda d: [d[0], d[2], d[1]]), "expected weights of dims"),
        ("MatMulNBits", short(2), "numbers as input 2"),
        ("MatMulNBits", another(1, ""), "expected a constant as input 1"),
        ("MatMulIntegerToFloat", dims(1, lambda d: [d[0] * d[1]]), "expected weights of two axes"),
        ("MatMulIntegerToFloat", another(5, ""), "expected a constant as input 5"),
        ("MatMulIntegerToFloat", another(3, ""), "expected a constant as input 3"),
        ("DynamicQuantizeLSTM", attribute("hidden_size", 41), "expected W"),
        ("DynamicQuantizeLSTM", attribute("hidden_size", 0), "hidden_size"),
        ("DynamicQuantizeLSTM", dims(2, lambda d: [d[0], d[2], d[1]]), "expected W"),
        ("DynamicQuantizeLSTM", short(1), "weights of three axes"),
        ("DynamicQuantizeLSTM", short(3), "numbers as input 3"),
        ("DynamicQuantizeLSTM", another(2, ""), "expected a constant as input 2"),
    ],
)
def test_constants_that_do_not_fit_are_refused(
    operator: str, change: Change, words: str, files: dict[str, bytes]
) -> None:
    """With the node and what was expected."""
    with pytest.raises(ModelRefused, match=words):
        check_policy(changed(files[operator], operator, change), LIMITS)


def test_another_operator_of_that_domain_is_refused(files: dict[str, bytes]) -> None:
    """Only those that the exporter writes; and none of them in ONNX's own domain."""

    def renamed(_: onnx.ModelProto, node: onnx.NodeProto) -> None:
        node.op_type = "QuickGelu"

    def moved(_: onnx.ModelProto, node: onnx.NodeProto) -> None:
        node.domain = ""

    for change in (renamed, moved):
        with pytest.raises(ModelRefused, match="expected an operator that rnnedge writes"):
            check_policy(changed(files["MatMulNBits"], "MatMulNBits", change), LIMITS)


def test_the_files_load_strictly(files: dict[str, bytes], tmp_path: Path) -> None:
    """And replay their golden samples."""
    from rnnedge_runtime import load

    for name, data in files.items():
        (tmp_path / f"{name}.onnx").write_bytes(data)
        assert load(tmp_path / f"{name}.onnx", trust="strict").contract.precision in ("int8", "int4")
