"""Runs in fresh processes: each measures everything, and one that fails says why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import quickly
from exported import Exported

from rnnedge_runtime import RnnEdgeError
from rnnedge_runtime.measure.processes import Settings, run_processes

QUICK = Settings(trust="local", pushes=40, seconds=0.1)


def test_each_process_measures_everything(tagger: Exported) -> None:
    """A cold start, as many pushes as asked, and a paced part at the file's own rate."""
    said: list[str] = []
    runs = run_processes(tagger.path, QUICK, 2, 100.0, said.append)
    assert said == ["process 1 of 2", "process 2 of 2"]
    unit = tagger.model.contract.unit
    for run in runs:
        assert min(run.cold.import_ms, run.cold.load_ms, run.cold.first_push_ms) > 0
        assert run.closed.push_us.shape == (40,) and run.steady == 0
        assert run.closed.frames_per_push == unit and run.closed.frame_rate_hz == 100.0
        assert run.paced is not None and run.paced.period_us == 10_000 * unit
        assert run.paced.usage.cpu_us_per_frame > 0
    assert not (runs[0].closed.push_us == runs[1].closed.push_us).all()


def test_the_paced_part_can_be_left_out(native: Exported) -> None:
    """Zero seconds."""
    (run,) = run_processes(native.path, dataclasses.replace(QUICK, seconds=0.0), 1, 100.0)
    assert run.paced is None


def test_without_a_rate_all_processes_are_paced_alike(native: Exported, tmp_path: Path) -> None:
    """The first one finds what loads the machine by half; the others take it over, so that they can be compared."""
    from examples.networks import small as networks

    path = tmp_path / "no-rate.onnx"
    quickly.export(native.module, networks.build("gru-2")[1], path)
    first, second = run_processes(path, QUICK, 2, None)
    assert first.paced is not None and second.paced is not None
    assert second.paced.period_us == pytest.approx(first.paced.period_us, rel=1e-6)
    assert first.closed.real_time_factor is None


def test_a_process_that_fails_says_why(tmp_path: Path, native: Exported) -> None:
    """Its last words, and which one it was."""
    with pytest.raises(RnnEdgeError, match=r"fresh process 1 failed with exit code 1: .*cannot be read"):
        run_processes(tmp_path / "missing.onnx", QUICK, 2, None)
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(native.path.read_bytes())

    def remove(progress: str) -> None:
        if progress.startswith("process 2"):
            copy.unlink()

    with pytest.raises(RnnEdgeError, match=r"fresh process 2 failed .*cannot be read"):
        run_processes(copy, QUICK, 2, None, remove)


def test_a_process_that_is_ended_says_by_what(monkeypatch: pytest.MonkeyPatch, native: Exported) -> None:
    """The kernel ends what takes too much memory, without a word."""
    from rnnedge_runtime.measure import processes

    monkeypatch.setattr(processes, "_START", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(RnnEdgeError, match="fresh process 1 was ended by signal 9: no message"):
        run_processes(native.path, QUICK, 1, None)
