"""Something is made once in a run, though several processes ask for it at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_once import FOLDER, made_once

_ASK = """
import sys, os
sys.path.insert(0, sys.argv[1])
from made_once import made_once
def make():
    with open(sys.argv[2], "a") as told:
        told.write("made ")
    return b"it"
assert made_once("thing", make) == b"it"
"""


def test_processes_share_what_one_has_made(tmp_path: Path) -> None:
    """Four of them, one of which makes it."""
    command = [sys.executable, "-c", _ASK, str(Path(__file__).parent), str(tmp_path / "told")]
    several = [subprocess.Popen(command, env={**os.environ, FOLDER: str(tmp_path)}) for _ in range(4)]
    assert [one.wait() for one in several] == [0] * 4
    assert (tmp_path / "told").read_text() == "made "


def test_what_failed_is_made_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception goes up and leaves nothing."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    with pytest.raises(ZeroDivisionError):
        made_once("thing", lambda: bytes(1 // 0))
    assert made_once("thing", lambda: b"it") == b"it" == made_once("thing", lambda: b"other")
