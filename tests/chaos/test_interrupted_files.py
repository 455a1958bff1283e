"""An interruption while a file is opened, read or written reaches the caller; no descriptor is closed twice."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from interruption import TIMER, HeardPlace, Interrupted

from rnnedge_runtime import atomic, load
from rnnedge_runtime._origin import origin_of
from rnnedge_runtime._write_through import open_stream
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.plain_file import read_plain

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"

STREAM = load(GOLDEN, trust="local").stream()


def _to_null(folder: Path) -> None:
    with open_stream(Path(os.devnull), folder) as file:
        file.write(b"new")


def _text(folder: Path) -> None:
    with atomic.open_text(folder / "text") as file:
        file.write("new")


ACTIONS: dict[str, Callable[[Path], object]] = {
    "read": lambda folder: read_plain(folder / "old"),
    "read again": lambda folder: origin_of(folder / "old", Settings(), None, None).read(),
    "save": lambda folder: STREAM.save(folder / "state"),
    "restore": lambda folder: STREAM.load(folder / "state"),
    "write": lambda folder: atomic.write_bytes(folder / "old", b"new"),
    "write text": _text,
    "write through": _to_null,
}


@TIMER
# What was opened a moment before is closed by the interpreter, which says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "action", [pytest.param(a, marks=[pytest.mark.long] if a in ("save", "restore") else []) for a in ACTIONS]
)
def test_an_interruption_is_what_the_caller_gets(action: str, tmp_path: Path) -> None:
    """At every place where Python hears a signal."""
    (tmp_path / "old").write_bytes(b"old")
    STREAM.save(tmp_path / "state")
    ACTIONS[action](tmp_path)
    wrong, number = [], 0
    while True:
        place = HeardPlace(number)
        try:
            with place:
                ACTIONS[action](tmp_path)
        except Interrupted:
            pass
        except BaseException as error:
            wrong.append(f"{place.came}: {type(error).__name__}: {error}")
        else:
            if place.came is None:
                break
            wrong.append(f"{place.came}: nothing came")
        number += 1
    # What the interpreter still holds of the interrupted calls.
    gc.collect()
    assert not wrong, wrong
    assert number >= 3
