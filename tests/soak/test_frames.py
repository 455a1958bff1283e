"""A stream runs for months: memory stays where it is, and the states are those of any other run.

`RNNEDGE_SOAK=full`, as `make soak` sets it, streams ten million frames in every form, twice.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from exported import export_network

from rnnedge_runtime.contract import FORMS

FULL = os.environ.get("RNNEDGE_SOAK") == "full"
FRAMES = 10_000_000 if FULL else 20_000
MOST_KIB = 1024


@pytest.fixture(scope="module", params=FORMS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A two-layer LSTM tagger in each form."""
    return export_network("lstm-2", request.param, tmp_path_factory.mktemp("soak")).path


def tried(path: Path, frames: int, *more: object) -> dict[str, Any]:
    """What a process of its own found."""
    command = [sys.executable, str(Path(__file__).with_name("try_frames.py")), path, frames, *more]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.slow
def test_memory_stays_and_states_repeat(file: Path) -> None:
    """Less than 1 MiB more after the first tenth of the frames; a second run gives the same bits, to the last state."""
    first, second = (tried(file, FRAMES) for _ in range(2))
    print(f"{file.stem}: {first} {second}")
    for found in (first, second):
        assert found["frames"] >= FRAMES
        assert found["growth_kib"] < MOST_KIB
    assert (first["outputs"], first["states"]) == (second["outputs"], second["states"])


def test_a_leak_and_another_run_are_seen(tmp_path: Path) -> None:
    """One kept output a frame, and one other number among all."""
    path = export_network("lstm-2", "native", tmp_path).path
    assert tried(path, 20_000, "leak")["growth_kib"] > MOST_KIB
    right, other = tried(path, 5000), tried(path, 5000, "other")
    assert right["outputs"] != other["outputs"]
    # Forgotten by the end, which is why outputs are looked at.
    assert right["states"] == other["states"]
