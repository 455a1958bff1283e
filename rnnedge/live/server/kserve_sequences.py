"""The sequences of KServe: each is a stream of the server, and its requests come one after the other."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import numpy as np

from rnnedge.live.protocol import Packet
from rnnedge.live.server.hub import Hub
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.tensors import InferRequest
from rnnedge.live.session import Outputs
from rnnedge.live.stores import NothingKept
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import InputError

# What the names of streams begin with that are sequences.
_NAMED = "sequence "


@dataclass(eq=False)
class _Caller:
    """Who waits for the outputs of a stream; requests of a sequence come one after the other."""

    stream: ServedStream | None = None
    found: list[Outputs] = field(default_factory=list)
    answer: asyncio.Future[Result] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    idle: asyncio.TimerHandle | None = None

    def tell(self, result: Result) -> None:
        self.found += result.outputs
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(result)


class KServeSequences:
    """The sequences of one server, by the name that their client gave them; a request without one is one by itself."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._callers: dict[str, _Caller] = {}

    async def infer(self, asked: InferRequest) -> dict[str, Array]:
        """The outputs (frames, ...) of a request, which waits for its turn in its sequence. Raises `InputError`.

        It is run to its end though nobody waits for it any more: the next one would get its answer.
        """
        return await asyncio.shield(self._in_its_turn(asked))

    async def _in_its_turn(self, asked: InferRequest) -> dict[str, Array]:
        if not asked.sequence:
            return await self._turn(_Caller(), asked, True, True)
        caller = self._callers.setdefault(asked.sequence, _Caller())
        caller.users += 1
        try:
            async with caller.turn:
                return await self._turn(caller, asked, asked.start, asked.end)
        finally:
            caller.users -= 1
            self._rest(asked.sequence, caller)

    async def _turn(self, caller: _Caller, asked: InferRequest, start: bool, end: bool) -> dict[str, Array]:
        """Frames in, outputs out; a stream that begins with `start`, and ends with `end`."""
        if caller.idle is not None:
            caller.idle.cancel()
        if start and caller.stream is not None:
            await self._hub.release(caller.stream)
            caller.stream = None
        if caller.stream is None:
            caller.stream = await self._begin(caller, asked, start)
        if self._hub.draining:
            raise InputError("draining; ask another server")
        caller.found, caller.answer = [], asyncio.get_running_loop().create_future()
        stream = caller.stream
        # One without frames ends a sequence that has got all of them.
        self._hub.submit(stream, Packet(asked.frames, stream.coming, time.time()))
        stream.coming += len(asked.frames)
        if end:
            self._hub.submit(stream, None)
        result = await caller.answer
        if result.error or result.finished:
            caller.stream = None
        if result.error:
            raise InputError(result.error)
        return self._joined(caller.found, asked.batched)

    async def _begin(self, caller: _Caller, asked: InferRequest, start: bool) -> ServedStream:
        name = f"{_NAMED}{asked.sequence}" if asked.sequence else ""
        try:
            stream, _ = await self._hub.open(name, not start, caller.tell)
        except NothingKept as error:
            raise InputError(f"{name}: not begun here; send its first frames with sequence_start") from error
        return stream

    def _joined(self, found: list[Outputs], batched: bool) -> dict[str, Array]:
        outputs = {}
        for port in self._hub.contract.outputs:
            shape = (0, *(int(d) for d in port.frame_shape))
            values = [np.empty(shape, port.dtype), *(one.values for one in found if one.name == port.name)]
            whole = np.concatenate(values)
            outputs[port.name] = whole[None] if batched else whole
        return outputs

    def _rest(self, name: str, caller: _Caller) -> None:
        """Nobody asks for the sequence now: it waits for a while, and is then put aside as that of a socket is."""
        if caller.users:
            return
        if caller.stream is None:
            self._callers.pop(name, None)
            return
        loop = asyncio.get_running_loop()
        caller.idle = loop.call_later(self._hub.options.keep_s, lambda: loop.create_task(self._leave(name, caller)))

    async def leave(self, name: str) -> bool:
        """Put a stream of the server aside, if it is a sequence that nobody asks for now; whether that was so."""
        sequence = name.removeprefix(_NAMED)
        caller = self._callers.get(sequence)
        return name.startswith(_NAMED) and caller is not None and await self._leave(sequence, caller)

    async def _leave(self, name: str, caller: _Caller) -> bool:
        if caller.users or caller.stream is None:
            return False
        stream, caller.stream = caller.stream, None
        self._callers.pop(name, None)
        await self._hub.release(stream)
        return True
