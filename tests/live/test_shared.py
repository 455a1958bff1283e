"""What workers have in common, while one of them dies in the middle of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.platform == "win32":
    pytest.skip("workers need sockets of Unix", allow_module_level=True)

from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.workers.process import WorkerProcess
from rnnedge.live.workers.shared import Shared
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError

GONE = "serve: the other process has ended"


class Worker(WorkerProcess):
    """One without a process, which dies when it is asked for `dies_at`."""

    def __init__(self, dies_at: str = "") -> None:
        self.load, self.begun, self.ended = 0, asyncio.Event(), False
        self.asked: list[str] = []
        self.dies_at = dies_at
        self.goes = asyncio.Event()
        self.goes.set()

    async def ask(self, what: str, **fields: Any) -> Any:
        """As one that answers, or dies."""
        self.asked.append(what)
        await self.goes.wait()
        if what == self.dies_at:
            self.ended = True
        if self.ended:
            raise InputError(GONE)
        return ("digest", 1) if what in ("switch", "back") else True


def shared(model: Model, folder: Path, *workers: Worker) -> Shared:
    """With these workers."""
    made = Shared(MemoryStore(60, 8), model, folder, folder / "first.onnx")
    made.workers += workers
    return made


def test_a_worker_that_dies_as_it_opens_a_stream_holds_nothing(gru: Model, tmp_path: Path) -> None:
    """The name is free for others, though the one that had it was still giving it up."""

    async def run() -> None:
        one, two, three = Worker(), Worker(), Worker()
        all_ = shared(gru, tmp_path, one, two, three)
        await all_.handlers["claim"](one, name="sequence 7", resume=False)
        one.goes.clear()
        claim = asyncio.create_task(all_.handlers["claim"](two, name="sequence 7", resume=False))
        await asyncio.sleep(0)
        two.ended = True
        all_.lost(two)
        await all_.handlers["free"](one, name="sequence 7", keep=True)
        one.goes.set()
        with pytest.raises(InputError):
            await claim
        await all_.handlers["claim"](three, name="sequence 7", resume=False)
        assert all_.store.holder("sequence 7") is three

    asyncio.run(run())


@pytest.mark.parametrize("dies_at", ["check", "switch"])
def test_a_worker_that_dies_in_a_switch_keeps_no_other_from_it(gru: Model, tmp_path: Path, dies_at: str) -> None:
    """The others serve the new model, and the one that is started in its place is told so."""
    (new := tmp_path / "new.onnx").write_bytes(b"new")

    async def run() -> list[str]:
        one, two, later = Worker(), Worker(dies_at), Worker()
        all_ = shared(gru, tmp_path, one, two)
        assert "to 0.5" in await all_.handlers["switch_all"](one, file=str(new), share=0.5)
        all_.lost(two)
        later.begun.set()
        await all_.begin(later)
        assert one.asked == ["check", "switch"] and later in all_.workers
        return later.asked

    # The first model, which is served already, and the new one, before it answers anybody.
    assert asyncio.run(run()) == ["check", "switch"] * 2 + ["answer"]


def test_a_worker_that_dies_in_a_rollback_keeps_no_other_from_it(gru: Model, tmp_path: Path) -> None:
    """The one that is started in its place goes back too."""
    (new := tmp_path / "new.onnx").write_bytes(b"new")

    async def run() -> list[Any]:
        one, two, later = Worker(), Worker("back"), Worker()
        all_ = shared(gru, tmp_path, one, two)
        await all_.handlers["switch_all"](one, file=str(new), share=1.0)
        await all_.handlers["back_all"](one)
        later.begun.set()
        await all_.begin(later)
        return [one.asked[-1], [file.name for file in all_._served], later.asked]

    assert asyncio.run(run()) == ["back", ["1.onnx", "first.onnx"], ["check", "switch"] * 2 + ["answer"]]


def test_a_switch_that_no_worker_lives_to_see_is_told(gru: Model, tmp_path: Path) -> None:
    """What was served is served on."""
    (new := tmp_path / "new.onnx").write_bytes(b"new")

    async def run() -> Any:
        one = Worker("switch")
        all_ = shared(gru, tmp_path, one)
        with pytest.raises(InputError, match="no worker"):
            await all_.handlers["switch_all"](one, file=str(new), share=1.0)
        return all_._served

    assert asyncio.run(run()) == [tmp_path / "first.onnx"]
