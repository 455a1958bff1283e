"""What `rnnedge explain` reads before it draws: as many frames as a page can show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnedge.cli import explain
from rnnedge_runtime import load
from rnnedge_runtime.errors import InputError

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


def test_a_recording_without_end_is_not_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of kilobytes may promise gigabytes; it is refused while it is read."""
    np.save(tmp_path / "x.npy", np.zeros((9, 4), np.float32))
    contract = load(GOLDEN).contract
    monkeypatch.setattr(explain, "_MOST_FRAMES", 9)
    assert len(explain._frames(str(tmp_path / "x.npy"), contract)) == 9
    monkeypatch.setattr(explain, "_MOST_FRAMES", 8)
    with pytest.raises(InputError, match=r"x.npy: expected at most 8 frames to explain, found more"):
        explain._frames(str(tmp_path / "x.npy"), contract)
