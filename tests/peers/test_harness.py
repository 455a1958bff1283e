"""Contenders run in processes of their own: checked, timed in turns, and a failure of one is a row with its reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.peers.backends import by_hand
from bench.peers.harness import Harness, Turns, Worker
from bench.peers.problem import Case, pose
from bench.peers.roster import TOLERANCES, Contender, Source, roster
from bench.peers.worker import burst, reason
from rnnedge_runtime.contract import Array

TURNS = Turns(rounds=2, calls=7, burst_ms=1000.0, core=None)
NUMPY = Contender("numpy", "by_hand:load")


@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_the_problem_is_what_the_equations_say(cell: str) -> None:
    """PyTorch's answer for the whole sequence equals numpy's, frame by frame."""
    problem = pose(Case(cell, 3, 8))
    step = by_hand.load(problem)
    found = np.stack([step(frame[None]) for frame in problem.frames])
    np.testing.assert_allclose(found, problem.expected, atol=1e-6)


def test_a_worker_prepares_and_answers_bursts(tmp_path: Path) -> None:
    """Outputs of all frames first; then nanoseconds, as many as calls, or fewer where the limit comes first."""
    problem = pose(Case("GRU", 3, 8))
    worker = Worker(NUMPY, tmp_path / "log.txt")
    try:
        outputs = worker.ask("prepare", problem, None, limit_s=60)
        assert not isinstance(outputs, str)
        np.testing.assert_allclose(outputs, problem.expected, atol=1e-6)
        times = worker.ask("burst", 7, 10**9, None, limit_s=60)
        assert not isinstance(times, str)
        assert times.shape == (7,) and times.dtype == np.int64 and times.min() > 0
        cut = worker.ask("burst", 7, 0, None, limit_s=60)
        assert not isinstance(cut, str) and cut.shape == (1,)
    finally:
        worker.stop()


def _contenders(folder: Path, monkeypatch: pytest.MonkeyPatch, **sources: str) -> list[Contender]:
    """One contender for each source text, found where the real ones are."""
    package = folder / "bench_peers_fakes"
    package.mkdir()
    for name, text in sources.items():
        (package / f"{name}.py").write_text(text)
    start = "import bench.peers.backends as c; c.__path__.append({!r})\n"
    (folder / "sitecustomize.py").write_text(start.format(str(package)))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *sys.path]))
    return [Contender(name, f"{name}:load") for name in sources]


GOOD = "from bench.peers.backends.by_hand import load"
FAKES = {
    "wrong": "def load(problem, path): return lambda frame: problem.expected[0]",
    "absent": "import a_peer_that_nobody_has",
    "raises": "def load(problem, path): raise RuntimeError('cannot | do this\\nand more')",
    "dies": "import os\ndef load(problem, path): os._exit(3)",
    "fades": """
def load(problem, path):
    from bench.peers.backends import by_hand
    step, left = by_hand.load(problem), [60]
    def fades(frame):
        left[0] -= 1
        if not left[0]: raise ValueError('worn out')
        return step(frame)
    return fades
""",
    "loud": "import os; os.write(1, b'noise'); from bench.peers.backends.by_hand import load",
}


def test_a_contender_that_fails_is_a_row_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Wrong, not installed, refusing, ending its process, failing while timed; the others get their figures."""
    contenders = _contenders(tmp_path, monkeypatch, good=GOOD, **FAKES)
    problem = pose(Case("LSTM", 3, 8))
    with Harness(contenders, tmp_path / "harness") as harness:
        rows = {row.contender: row for row in harness.measure(problem, TURNS)}
        again = {row.contender: row for row in harness.measure(problem, TURNS)}
    assert list(rows) == [contender.name for contender in contenders]
    told = {name: row.skipped for name, row in rows.items() if row.skipped}
    assert told.pop("wrong", "").startswith("computes something else: largest error")
    assert told == {
        "absent": "not installed: no module a_peer_that_nobody_has",
        "raises": "cannot / do this",
        "dies": "its process ended with code 3",
        "fades": "worn out",
    }
    for name in ("good", "loud"):
        row = rows[name]
        assert row.p50_us and row.p99_us and 0 < row.p50_us <= row.p99_us
        assert row.max_error is not None and row.max_error < 1e-6
    # One that died starts anew for the next case.
    assert again["dies"].skipped == rows["dies"].skipped and again["good"].p50_us
    assert "noise" not in capfd.readouterr().out
    assert any("noise" in log.read_text() for log in (tmp_path / "harness" / "logs").iterdir())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity of threads")
def test_bursts_run_on_the_core_and_preparation_on_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that a library started before are pinned too, and free again for the next case."""
    text = """
import os, threading, time
def load(problem, path):
    beside = threading.Thread(target=time.sleep, args=(60,), daemon=True)
    beside.start()
    free = os.sched_getaffinity(0)
    def tells(frame):
        now = [os.sched_getaffinity(thread) for thread in (0, beside.native_id)]
        if now != [free, free]: raise ValueError(str(now))
        return problem.expected[0]
    return tells
"""
    (contender,) = _contenders(tmp_path, monkeypatch, tells=text)
    worker, problem = Worker(contender, tmp_path / "log.txt"), pose(Case("GRU", 3, 8))
    core, free = max(os.sched_getaffinity(0)), os.sched_getaffinity(0)
    try:
        for _ in range(2):
            assert not isinstance(worker.ask("prepare", problem, None, limit_s=60), str)
            told = worker.ask("burst", 7, 10**9, core, limit_s=60)
            assert told == str([{core}, {core}]) or free == {core}
    finally:
        worker.stop()


def test_a_file_that_cannot_be_written_is_the_reason_of_all_who_read_it(tmp_path: Path) -> None:
    """What `export` says of a precision stands in the row, and no process is asked."""
    source = Source("never.onnx", "ours", {"form": "native", "precision": "int3"})
    with Harness([Contender("rnnedge", "ours:push", source=source)], tmp_path, jobs=1) as harness:
        (row,) = harness.measure(pose(Case("GRU", 3, 8)), TURNS)
    assert row.skipped and "int3" in row.skipped and row.p50_us is None


@pytest.mark.long
def test_ours_streams_what_torch_computes(tmp_path: Path) -> None:
    """A push and a step in place, from the exported file."""
    ours = [c for c in roster() if c.source and c.source.name == "native-float32.onnx"]
    assert len(ours) == 2
    with Harness(ours, tmp_path, jobs=1) as harness:
        rows = harness.measure(pose(Case("GRU", 3, 8)), TURNS)
    assert [row.skipped for row in rows] == [None, None]
    assert all(row.max_error is not None and row.max_error < 1e-6 for row in rows)


def test_every_name_of_the_roster_is_found() -> None:
    """Its module and its function exist, read without importing what the module imports."""
    folder = Path(by_hand.__file__).parent
    for contender in roster():
        module, _, function = contender.load.partition(":")
        assert f"def {function}(" in (folder / f"{module}.py").read_text()
        if contender.source:
            assert "def write(" in (folder / f"{contender.source.module}.py").read_text()
    assert len({contender.name for contender in roster()}) == len(roster())


def test_every_precision_of_the_roster_is_judged() -> None:
    """Each has a tolerance, and bf16, which onnxruntime computes in float32, takes part in one form alone."""
    assert {contender.precision for contender in roster()} == set(TOLERANCES)
    sources = {c.source.name for c in roster() if c.source and c.precision == "bf16"}
    assert sources == {"native-bf16.onnx"}


def test_a_burst_times_every_call_by_itself() -> None:
    """Frames come in turn, and the untimed ones are not among the times."""
    seen: list[float] = []

    def step(frame: Array) -> Array:
        seen.append(float(frame[0, 0]))
        return frame

    times = burst(step, [np.full((1, 1), k, np.float32) for k in range(3)], 6, 10**12)
    assert len(times) == 6 and seen[-6:] == [0, 1, 2, 0, 1, 2] and len(seen) > 6


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'x'", name="x"), "not installed: no module x"),
        (KeyError(), "KeyError"),
        (RuntimeError("\n  first | line\nsecond"), "first / line"),
    ],
)
def test_a_reason_fits_a_table(error: BaseException, told: str) -> None:
    """One line without a bar."""
    assert reason(error) == told


def test_the_command_measures_a_part_and_writes_nothing(tmp_path: Path) -> None:
    """`--quick --only numpy` prints figures and leaves the record as it is."""
    root = Path(by_hand.__file__).parents[3]
    before = {p: p.stat().st_mtime_ns for p in (root / "docs" / "figures").iterdir()}
    command = [sys.executable, "-m", "bench.peers", "--quick", "--sizes", "2,4", "--cells", "GRU", "--only", "numpy"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "numpy by hand" in done.stdout and "p50" in done.stdout
    assert {p: p.stat().st_mtime_ns for p in (root / "docs" / "figures").iterdir()} == before
    wrong = subprocess.run([*command, "--sizes", "2x4"], cwd=root, capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "INPUT,HIDDEN" in wrong.stderr
