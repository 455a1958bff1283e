"""What all workers have in common: who has which stream open, where the others stand, and which models are served."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnedge.live.server.changing import serving
from rnnedge.live.stores import in_use
from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.stores.rows import packed, unpacked
from rnnedge.live.workers.process import WorkerHandler, WorkerProcess
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError


class Shared:
    """In the process in front; `folder` is for files that are posted, `file` the one that was served first."""

    def __init__(self, store: MemoryStore, model: Model, folder: Path, file: Path) -> None:
        self.store, self._folder, self._first = store, folder, file
        # Those that take connections.
        self.workers: list[WorkerProcess] = []
        self._outputs = [port.name for port in model.contract.outputs]
        # The model before, if there is one, and the latest, of which a share of new streams is.
        self._served, self._digests, self._share = [file], [model.digest], 1.0
        self._posted = 0
        self._turn = asyncio.Lock()
        self._begun = asyncio.Condition()

    @property
    def handlers(self) -> dict[str, WorkerHandler]:
        """What a worker may ask."""
        return {
            "claim": self._claim, "put": self._put, "free": self._free, "switch_all": self._switch_all,
            "back_all": self._back_all,
        }  # fmt: skip

    async def begin(self, worker: WorkerProcess) -> None:
        """When the worker is ready, it is told what is served now, and then answers who asks."""
        await worker.begun.wait()
        async with self._turn:
            for file in self._served if self._served != [self._first] else []:
                share = self._share if file == self._served[-1] else 1.0
                with suppress(InputError):
                    # The first is served as it is.
                    await self._check([worker], file, share)
                    await worker.ask("switch", file=str(file), share=share)
            with suppress(InputError):
                await worker.ask("answer")
                self.workers.append(worker)
        async with self._begun:
            self._begun.notify_all()

    async def all_begun(self, count: int) -> None:
        """Wait until that many take connections."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self.workers) >= count)

    def lost(self, worker: WorkerProcess) -> None:
        """It has ended: its streams are where they stood when it last said so."""
        if worker in self.workers:
            self.workers.remove(worker)
        self.store.give_up(worker)

    async def _claim(self, worker: WorkerProcess, name: str, resume: bool) -> dict[str, Any] | None:
        other = self.store.holder(name)
        if isinstance(other, WorkerProcess) and other is not worker and not await other.ask("leave", name=name):
            raise in_use(name)
        if worker.ended:
            # Meanwhile: it would hold the name forever.
            raise in_use(name)
        kept = await self.store.claim(name, resume, worker)
        return None if kept is None else packed(kept)

    async def _put(self, worker: WorkerProcess, name: str, kept: dict[str, Any], still_open: bool) -> None:
        found = unpacked(kept, self._outputs, f"stream {name!r}") | {"model": kept["model"]}
        await self.store.put(name, found, still_open)

    async def _free(self, worker: WorkerProcess, name: str, keep: bool) -> None:
        await self.store.free(name, keep)

    async def _switch_all(self, worker: WorkerProcess, file: str, share: float) -> str:
        """All workers, or none of them."""
        async with self._turn:
            self._posted += 1
            own = self._folder / f"{self._posted}.onnx"
            # The other one is deleted as soon as this is answered.
            shutil.copy(file, own)
            await self._check(self.workers, own, share)
            said = await self._asked(self.workers, "switch", file=str(own), share=share)
            digest = said[0][0]
            before = list(zip(self._served, self._digests, strict=True))
            kept = before[:-1] if digest == self._digests[-1] else before[-1:]
            self._served, self._digests = map(list, zip(*kept, (own, digest), strict=True))
            self._share = share
            return serving(digest, share, sum(others for _, others in said))

    async def _back_all(self, worker: WorkerProcess) -> str:
        async with self._turn:
            said = await self._asked(self.workers, "back")
            self._served.reverse()
            self._digests.reverse()
            self._share = 1.0
            return serving(self._digests[-1], 1.0, sum(others for _, others in said))

    async def _check(self, workers: Sequence[WorkerProcess], file: Path, share: float) -> None:
        await self._asked(workers, "check", file=str(file), share=share, posted=file != self._first)

    async def _asked(self, workers: Sequence[WorkerProcess], what: str, **fields: Any) -> list[Any]:
        """What each says, but for those that end meanwhile: `begin` tells the ones after them. Raises `InputError`."""
        asked = tuple(workers)
        said = await asyncio.gather(*(one.ask(what, **fields) for one in asked), return_exceptions=True)
        found = [answer for one, answer in zip(asked, said, strict=True) if not one.ended]
        for answer in found:
            if isinstance(answer, BaseException):
                raise answer
        if not found:
            raise InputError("serve: no worker was left to ask; try again")
        return found
