"""Tuning a small network: only what is proven is written, with the evidence; it goes on after an interruption."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ticking import BUDGET, tick
from torch import nn

from rnnedge.tuning import tune
from rnnedge.tuning._energy import Meter
from rnnedge_export.session import ExportSession
from rnnedge_export.sources import of_module
from rnnedge_runtime import InputError, load


class Net(nn.Module):
    """A small GRU."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(6, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


@pytest.fixture(autouse=True)
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of the tests'."""
    tick(monkeypatch)


@pytest.fixture(scope="module")
def session() -> Iterator[ExportSession]:
    """Captured once for all tests here."""
    torch.manual_seed(0)
    with of_module(Net(), torch.randn(1, 8, 6), say=lambda _: None) as shop:
        yield shop


def test_the_winner_is_proven_and_says_why(session: ExportSession, tmp_path: Path) -> None:
    """The file streams what its candidate computes; the contract holds the objective, the figures and the machine."""
    tuned = tune(session, tmp_path / "best.onnx", budget_s=BUDGET, precisions=["float32", "int8"])
    model = load(tuned.path, trust="strict")
    evidence = json.loads(model.contract.provenance["tuning"])
    assert evidence["objective"] == "latency"
    assert evidence["winner"]["name"] == tuned.choice.winner.candidate.name
    assert model.contract.form == tuned.choice.winner.candidate.form
    assert model.contract.precision == tuned.choice.winner.candidate.precision
    assert evidence["host"]["processor"]
    best = min(t.value for t in tuned.trials)
    assert tuned.choice.winner.value <= best * (1 + tuned.choice.noise)
    assert tuned.rounds == 3 and len(tuned.trials) >= 2
    assert tuned.choice.front
    # What has fewer bits costs some error, and it is told.
    assert set(tuned.errors) == {"float32", "int8"} and 0 <= tuned.errors["float32"] < tuned.errors["int8"] < 0.05
    assert [p.name for p in tmp_path.iterdir()] == ["best.onnx"]
    frames = np.random.default_rng(0).standard_normal((9, 6)).astype(np.float32)
    assert model.stream().push(frames).shape == (9, 3)


def test_the_smallest_file_wins_where_size_is_asked_for(session: ExportSession, tmp_path: Path) -> None:
    """And no trial of the run is smaller."""
    tuned = tune(session, tmp_path / "best.onnx", objective="size", budget_s=BUDGET, precisions=["float32", "float16"])
    assert tuned.choice.winner.size_bytes <= 1.03 * min(t.size_bytes for t in tuned.trials)
    assert tuned.choice.winner.candidate.precision == "float16"


@pytest.mark.long
def test_an_interrupted_run_leaves_the_best_so_far_and_goes_on(
    session: ExportSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C before the third candidate: the output is a proven file; the second run proves nothing twice."""
    from rnnedge_export.session import Candidate

    target = tmp_path / "best.onnx"
    proofs: list[str] = []
    original = Candidate.prove

    def counted(self: Candidate, *args: Any, **options: Any) -> Any:
        if len(proofs) == 2:
            raise KeyboardInterrupt
        proofs.append(self.model.name)
        return original(self, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Candidate, "prove", counted)
        with pytest.raises(KeyboardInterrupt):
            tune(session, target, budget_s=BUDGET, precisions=["float32", "float16"], about={"sha256": "x"})
    assert load(target, trust="strict").contract.form in ("native", "step")
    state = json.loads((tmp_path / "best.onnx.tuning.json").read_text())
    assert len(state["errors"]) == 2

    again: list[str] = []
    monkeypatch.setattr(
        Candidate, "prove", lambda self, *a, **o: (again.append(self.model.name), original(self, *a, **o))[1]
    )
    tune(session, target, budget_s=BUDGET, precisions=["float32", "float16"], about={"sha256": "x"})
    assert not set(again) & set(proofs)
    assert not (tmp_path / "best.onnx.tuning.json").exists()


def test_what_drifts_is_dropped_with_its_numbers(session: ExportSession, tmp_path: Path) -> None:
    """A narrow candidate beyond its tolerance cannot win, and the reason is kept."""
    from rnnedge_export.precision import Precision
    from rnnedge_export.session import ExportOptions

    tight = ExportOptions(precision=Precision("int8", tolerance=1e-7))
    tuned = tune(session, tmp_path / "b.onnx", budget_s=BUDGET, objective="size", precisions=["float32", "int4"],
                 options=tight)  # fmt: skip
    assert tuned.choice.winner.candidate.precision == "float32"
    assert any("drifts" in reason for reason in tuned.dropped.values())


def test_energy_needs_a_counter(tmp_path: Path) -> None:
    """Where the host has none that is said; where it has one, a counter that started again is right."""
    with pytest.raises(InputError, match="found none that can be read"):
        Meter(tmp_path)
    zone = tmp_path / "sys/class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    (zone / "max_energy_range_uj").write_text("1000000\n")
    (zone / "energy_uj").write_text("900000\n")
    meter = Meter(tmp_path)
    before = meter.read()
    (zone / "energy_uj").write_text("100000\n")
    assert meter.since(before) == pytest.approx(0.2)
