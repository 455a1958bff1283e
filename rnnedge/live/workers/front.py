"""The process in front of the workers: it accepts connections, hands them over, and starts workers again."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rnnedge.live.server.app import listens
from rnnedge.live.server.listening import listening
from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.signals import ended_by_signals
from rnnedge.live.server.tables import check_served
from rnnedge.live.stores import file_of
from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.workers.process import WorkerProcess
from rnnedge.live.workers.shared import Shared
from rnnedge.live.workers.spec import WorkerSpec
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.temporary import temporary_folder

Load = Callable[[Path], Model]


def serve_with_workers(
    file: Path,
    options: ServeOptions,
    workers: int,
    say: Callable[[str], None],
    load: Load,
    load_posted: Load | None = None,
) -> None:
    """As `serve`, in that many processes; `load` and `load_posted` have to be functions that others can import.

    Streams are those of the process that has their connection. A named one may come back through another connection:
    where it stands is kept in this process, or in Redis. Raises as `serve` does, and `InputError` on a system without
    sockets of Unix.
    """
    if sys.platform == "win32":
        raise InputError("serve: workers need Linux or macOS; serve with one")
    if options.grpc_port == 0:
        raise InputError("serve: workers answer on one port over gRPC; choose one that is free")
    model = load(file)
    check_served(model.contract, model.name)
    store = MemoryStore(options.keep_s, options.streams * workers, file_of(options.state), model)
    with temporary_folder("workers") as folder:
        (metrics := folder / "metrics").mkdir()
        spec = WorkerSpec(file, model.name, options, load, load_posted, metrics)
        asyncio.run(Front(model, spec, Shared(store, model, folder, file), workers, say).run())


class Front:
    """One server of several processes."""

    def __init__(
        self, model: Model, spec: WorkerSpec, shared: Shared, workers: int, say: Callable[[str], None]
    ) -> None:
        self._model, self._spec, self._shared, self._say = model, spec, shared, say
        self._count = workers
        self._failed = ""

    async def run(self) -> None:
        """Until a signal comes, or a worker cannot begin; raises `InputError` then."""
        self._stop = asyncio.Event()
        options = self._spec.options
        with ended_by_signals(self._stop):
            async with listening(options, self._hand_over) as port:
                keepers = [asyncio.create_task(self._keep(number)) for number in range(self._count)]
                stopped = asyncio.create_task(self._stop.wait())
                begun = asyncio.create_task(self._shared.all_begun(self._count))
                await asyncio.wait([stopped, begun], return_when=asyncio.FIRST_COMPLETED)
                if not self._stop.is_set():
                    self._say(listens(self._model, options, port, options.grpc_port))
                await stopped
            begun.cancel()
            await asyncio.gather(*keepers)
            if told := await self._shared.store.close():
                self._say(told)
        if self._failed:
            raise InputError(self._failed)

    def _hand_over(self, client: socket.socket) -> None:
        """To the one with the least to do; a connection that nobody takes is closed."""
        with client:
            any(worker.hand(client) for worker in sorted(self._shared.workers, key=lambda one: one.load))

    async def _keep(self, number: int) -> None:
        """One worker after the other, as long as the server runs."""
        while not self._stop.is_set():
            worker = WorkerProcess(self._spec, self._shared.handlers)
            run = asyncio.create_task(worker.run())
            stopping = asyncio.create_task(self._told_to_stop(worker))
            beginning = asyncio.create_task(self._shared.begin(worker))
            await run
            for task in (stopping, beginning):
                task.cancel()
            self._shared.lost(worker)
            _forget_gauges(worker.pid, self._spec.metrics)
            if worker.why or not worker.begun.is_set():
                # It would fail again.
                self._failed = worker.why or f"serve: a worker ended with code {worker.code} before it began"
                self._stop.set()
            elif not self._stop.is_set():
                self._say(f"worker {number + 1} ended with code {worker.code}; another one is started")

    async def _told_to_stop(self, worker: WorkerProcess) -> None:
        await self._stop.wait()
        worker.stop()


def _forget_gauges(pid: int, folder: Path) -> None:
    with suppress(ImportError):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
