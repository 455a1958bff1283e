"""Exports in fewer bits, seen from outside: what changed, how far it drifts, and what is refused."""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import quickly
import torch
from exported import loaded_strictly
from in_one_test import in_one_test
from shares import one_in
from torch import nn

import rnnedge_export
from rnnedge_export.precision import Precision
from rnnedge_runtime import InputError, ModelRefused, VerificationError, load

INPUTS, HIDDEN = 24, 96
INTEGERS = {"MatMulIntegerToFloat", "MatMulNBits", "DynamicQuantizeLSTM"}


class Tagger(nn.Module):
    """A recurrence and a head."""

    def __init__(self, cell: type[nn.RNNBase], hidden: int = HIDDEN) -> None:
        super().__init__()
        self.rnn = cell(INPUTS, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


class Own(nn.Module):
    """A hand-written cell: h' = tanh(x W + h R), leaky."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Linear(INPUTS, HIDDEN)
        self.r = nn.Linear(HIDDEN, HIDDEN, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from rnnedge.nn import time_loop

        def cell(h: torch.Tensor, frame: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            h = torch.tanh(self.w(frame) + self.r(h))
            return h, h

        return time_loop(cell, x.new_zeros(x.shape[0], HIDDEN), x.transpose(0, 1))[1].transpose(0, 1)


def operators(path: Path) -> list[str]:
    """Every operator of the file, bodies included."""

    def within(graph: onnx.GraphProto) -> list[str]:
        found = []
        for node in graph.node:
            found.append(node.op_type)
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    found += within(attribute.g)
        return found

    return within(onnx.load(str(path)).graph)


def export(tmp_path: Path, module: nn.Module, precision: Any, **options: Any) -> rnnedge_export.Report:
    """Export into a file of the folder."""
    return quickly.export(module, torch.randn(1, 8, INPUTS), tmp_path / "m.onnx", precision=precision, **options)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same weights in every run."""
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("cell", "form"), one_in(5, product([nn.GRU, nn.LSTM, nn.RNN], ["step", "scan", "unrolled", "native"]))
)
def test_every_cell_in_every_form_is_computed_in_integers(cell: type[nn.RNNBase], form: str, tmp_path: Path) -> None:
    """No recurrence is left in float32, the file loads strictly, and a stream stays near PyTorch."""
    module = Tagger(cell)
    report = export(tmp_path, module, Precision("int8", tolerance=0.05), form=form)
    found = set(operators(report.path))
    assert found & INTEGERS
    assert not found & {"LSTM", "GRU", "RNN"}
    model = loaded_strictly(report.path)
    assert model.contract.precision == "int8"
    x = torch.randn(1, 60, INPUTS)
    with torch.no_grad():
        expected = module(x)[0].numpy()
    stream = model.stream()
    parts = [stream.push(part) for part in np.split(x[0].numpy(), [1, 5, 17, 40])]
    found_y = np.concatenate([*parts, stream.finish()])
    error = np.abs(found_y - expected).max()
    assert 1e-5 < error < 0.05


@pytest.fixture(scope="module")
def float32_bytes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The size of a float32 file in step form."""
    return export(tmp_path_factory.mktemp("float32"), Tagger(nn.GRU, 256), "float32", form="step").size_bytes


@pytest.mark.parametrize(("precision", "share"), [("float16", 0.53), ("bf16", 0.53), ("int8", 0.29), ("int4", 0.19)])
def test_a_file_shrinks_with_its_precision(precision: str, share: float, float32_bytes: int, tmp_path: Path) -> None:
    """Compared with the float32 file of the same form, what is no weight included."""
    small = export(tmp_path, Tagger(nn.GRU, 256), Precision(precision, tolerance=0.5), form="step").size_bytes
    assert small < share * float32_bytes


@pytest.mark.parametrize("form", one_in(2, ["native", "step"]))
def test_a_cell_of_ones_own_is_computed_in_integers(form: str, tmp_path: Path) -> None:
    """A hand-written loop is treated like the native ones, within its Scan too."""
    report = export(tmp_path, Own(), Precision("int8", tolerance=0.1), form=form)
    assert "MatMulIntegerToFloat" in operators(report.path)


def test_integers_take_the_step_form_unless_all_are_lstms(tmp_path: Path) -> None:
    """The form that is fastest for one frame is the default."""
    assert export(tmp_path, Tagger(nn.GRU), "int8").contract.form == "step"
    assert export(tmp_path, Tagger(nn.LSTM), "int8").contract.form == "native"
    assert export(tmp_path, Tagger(nn.LSTM), Precision("int4", tolerance=0.5)).contract.form == "step"
    assert export(tmp_path, Tagger(nn.LSTM), "float16").contract.form == "native"


def test_streams_of_a_narrow_file_share_a_pool(tmp_path: Path) -> None:
    """Rows are rounded one by one: a loud neighbour does not change a quiet stream."""
    model = load(export(tmp_path, Tagger(nn.GRU), "int8").path)
    rng = np.random.default_rng(0)
    quiet, loud = (rng.standard_normal((30, INPUTS)).astype(np.float32) * size for size in (0.1, 50.0))
    alone = np.concatenate([model.stream().push(quiet)])
    pool = model.pool(2)
    first, second = pool.join(), pool.join()
    found = []
    for k in range(30):
        out = pool.push({first: quiet[k : k + 1], second: loud[k : k + 1]})
        found.append(out[first])
    np.testing.assert_allclose(np.concatenate(found), alone, rtol=0, atol=1e-6)


def test_what_drifts_is_refused_and_an_older_file_survives(tmp_path: Path) -> None:
    """Beyond the tolerance nothing is written, and the message has the numbers."""
    target = tmp_path / "m.onnx"
    target.write_bytes(b"older")
    with pytest.raises(
        VerificationError,
        match=r"int4 drifts from float32: error 0\.\d+ within 10,000 frames.*"
        r"first node whose value differs by more than 0\.\d+ of it: '.*' \(\w+\)",
    ) as raised:
        export(tmp_path, Tagger(nn.RNN), Precision("int4", tolerance=1e-3))
    assert raised.value.exit_code == 4
    assert target.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [target]


def test_the_gate_notices_a_scale_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted defect, scales a tenth too large, does not pass."""
    from rnnedge_export.precision import grids, products

    original = grids.per_tensor
    monkeypatch.setattr(
        products, "_whole", lambda w: grids.Narrow(original(w).q, original(w).scale * np.float32(1.1), w.shape)
    )
    with pytest.raises(VerificationError, match=r"fewer bits .*: weight '.*' \(int8\): .* steps apart"):
        export(tmp_path, Tagger(nn.GRU), "int8")


def test_a_pass_that_changes_nothing_is_a_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A product that was to be narrow and is not stops the export, as a tool that silently skips a GRU should."""
    from rnnedge_export.precision import apply

    monkeypatch.setattr(
        apply, "write_product", lambda builder, product, bits, ranges: ("int8", product.node.outputs[0])
    )
    with pytest.raises(ModelRefused, match=r"internal error: AssertionError: .*products changed.*a defect of rnnedge"):
        export(tmp_path, Tagger(nn.GRU), "int8")


def test_a_layer_keeps_the_precision_that_it_is_given(tmp_path: Path) -> None:
    """By the name of its module; the contract says what became of each."""
    report = export(tmp_path, Tagger(nn.GRU), Precision("int8", {"head": "float32"}))
    layers = json.loads(report.contract.provenance["layers"])
    assert set(layers) == {"rnn.l0"}
    assert "MatMulIntegerToFloat" in operators(report.path)
    assert "Gemm" in operators(report.path)
    with pytest.raises(ModelRefused, match=r"expected one of the layers rnn\.l0, head, found 'tail'"):
        export(tmp_path, Tagger(nn.GRU), Precision("int8", {"tail": "float32"}))


def test_an_error_budget_is_kept_by_the_smallest_file(tmp_path: Path) -> None:
    """Tighter budgets give larger files, each within its own, and int4 where it is cheap."""
    sizes = []
    for budget in (0.3, 2e-4):
        report = export(tmp_path, Tagger(nn.GRU), Precision("int4", budget_error=budget))
        assert report.shrunk is not None
        assert report.shrunk.drift.max_error <= report.shrunk.drift.tolerance
        sizes.append(report.size_bytes)
    assert sizes[0] < sizes[1]


def test_ranges_come_from_recordings_as_a_stream_sees_them(tmp_path: Path) -> None:
    """Calibration sees what numpy sees of PyTorch's hidden states, resets included."""
    # The package has a function of the module's name.
    shrink = sys.modules["rnnedge_export.precision.shrink"]
    module = Tagger(nn.GRU)
    recordings = [np.random.default_rng(k).standard_normal((50 + k, INPUTS)).astype(np.float32) for k in range(3)]
    seen: dict[str, tuple[float, float]] = {}
    original = shrink.observe

    def watched(*args: Any) -> dict[str, tuple[float, float]]:
        seen.update(original(*args))
        return seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shrink, "observe", watched)
        export(tmp_path, module, "int8", form="scan", calibration=recordings)
    with torch.no_grad():
        states = [module.rnn(torch.from_numpy(r)[None])[0][0].numpy() for r in recordings]
    before = np.concatenate([np.concatenate([np.zeros((1, HIDDEN)), y[:-1]]) for y in states])
    after = np.concatenate(states)
    for array in (before, after):
        low, high = 1.25 * array.min(), 1.25 * array.max()
        close = [np.allclose(r, (max(low, -1.0), min(high, 1.0)), atol=1e-5) for r in seen.values()]
        assert any(close), (low, high, seen)


@in_one_test(
    ("calibration", "message"),
    [
        (np.zeros((0, INPUTS), np.float32), "recording 0"),
        (np.zeros((9, INPUTS + 1), np.float32), rf"expected \(time, {INPUTS}\), found \(9, {INPUTS + 1}\)"),
        ([np.zeros((9, INPUTS)), np.full((9, INPUTS), np.nan)], "recording 1: input 'x': expected finite"),
        ([], "at least one recording"),
        ({"z": np.zeros((9, INPUTS))}, "expected the inputs x, found z"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(calibration: object, message: str, tmp_path: Path) -> None:
    """By number and by what was expected."""
    with pytest.raises(InputError, match=message):
        export(tmp_path, Tagger(nn.GRU), "int8", calibration=calibration)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "int3"}, "expected one of float32, float16, bf16, int8, int4, found 'int3'"),
        ({"name": "float32", "budget_error": 0.1}, "expected int8 or int4 where layers"),
        ({"name": "int8", "tolerance": 0.0}, "tolerance: expected a finite number above 0"),
        ({"name": "int8", "tolerance": float("nan")}, "tolerance: expected a finite number above 0"),
    ],
)
def test_a_precision_that_makes_no_sense_is_refused(options: dict[str, Any], message: str) -> None:
    """With the field and what was found."""
    with pytest.raises(ModelRefused, match=message):
        Precision(**options)


def test_a_narrow_file_is_verified_against_its_source_within_its_own_tolerance(tmp_path: Path) -> None:
    """`verify` takes the tolerance from the file, and still finds another network."""
    module = Tagger(nn.GRU)
    report = export(tmp_path, module, "int8")
    assert quickly.verify(report.path, module).passed
    other = Tagger(nn.GRU)
    assert not quickly.verify(report.path, other).passed
