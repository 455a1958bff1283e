"""Many streams whose frames come at their own times, through one pool: what came out, and how late.

The clock decides when a frame is due, not whoever computes: latency counts from there, so that a stall is not hidden.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import Future
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from rnnedge_runtime import Model
from rnnedge_runtime.contract import Array
from rnnedge_runtime.pool import Member, StreamPool
from rnnedge_runtime.pool._batcher import Batcher
from rnnedge_runtime.sample import sample_frames

_TABLE = 4096
# No shorter sleep is worth its call: what became due meanwhile goes together.
_TICK_S = 0.001


class Due(NamedTuple):
    """Frame `frame` of stream `stream`, planned for a time of the monotonic clock."""

    stream: int
    frame: int
    planned: float


class Paced:
    """What came out: `outputs` (streams, frames, ...) NaN where none did, `latency_s` (streams, frames) or infinite.

    `starts` has the frames at which each stream began a sequence: one left, and another took its place.
    """

    def __init__(self, model: Model, streams: int, frames: int) -> None:
        """Nothing yet."""
        self.model = model
        found = sample_frames(model.contract, _TABLE, 0)
        assert isinstance(found, np.ndarray)
        self._table = found
        width = tuple(int(d) for d in model.contract.outputs[0].frame_shape)
        self.outputs = np.full((streams, frames, *width), np.nan, np.float32)
        self.latency_s = np.full((streams, frames), np.inf)
        self.starts = [[0] for _ in range(streams)]

    def given(self, stream: int, frames: Iterable[int]) -> Array:
        """What a stream is sent, (frames, features)."""
        return self._table[[(stream * 31 + frame * 7) % _TABLE for frame in frames]]

    def note(self, due: Due, output: Array) -> None:
        """A frame came out."""
        self.latency_s[due.stream, due.frame] = time.monotonic() - due.planned
        self.outputs[due.stream, due.frame] = output[0]

    def percentile_ms(self, percent: float) -> float:
        """Latency of all frames."""
        return float(np.percentile(self.latency_s, percent, method="higher")) * 1e3

    def worst_error(self) -> float:
        """The largest difference from streams of their own, one by one; infinite where a frame is missing."""
        worst = 0.0
        for stream, own in enumerate(self.outputs):
            for start, end in pairwise([*self.starts[stream], len(own)]):
                if start < end:
                    alone = self.model.stream().push(self.given(stream, range(start, end)))
                    error = float(np.abs(own[start:end] - alone).max())
                    worst = max(worst, float("inf") if np.isnan(error) else error)
        return worst


class Front(Protocol):
    """How frames reach a pool."""

    def send(self, paced: Paced, members: list[Member], due: list[Due]) -> None:
        """Take frames, at most one of each stream."""
        ...

    def replace(self, member: Member) -> Member:
        """One leaves, another one comes."""
        ...


class ThroughPool:
    """One thread that pushes whatever is due."""

    def __init__(self, pool: StreamPool) -> None:
        """It has the pool for itself."""
        self._pool = pool

    def send(self, paced: Paced, members: list[Member], due: list[Due]) -> None:
        """In one call."""
        found = self._pool.push({members[one.stream]: paced.given(one.stream, [one.frame]) for one in due})
        for one in due:
            output = found[members[one.stream]]
            assert isinstance(output, np.ndarray)
            paced.note(one, output)

    def replace(self, member: Member) -> Member:
        """At once."""
        self._pool.leave(member)
        return self._pool.join()


class ThroughBatcher:
    """One thread sends, another one runs."""

    def __init__(self, batcher: Batcher) -> None:
        """`batcher` shares the pool."""
        self._batcher = batcher

    def send(self, paced: Paced, members: list[Member], due: list[Due]) -> None:
        """One by one; results come by themselves."""
        for one in due:
            future = self._batcher.submit(members[one.stream], paced.given(one.stream, [one.frame]))
            future.add_done_callback(partial(self._done, paced, one))

    def replace(self, member: Member) -> Member:
        """After what it has sent."""
        self._batcher.leave(member).result()
        return self._batcher.join()

    def _done(self, paced: Paced, due: Due, future: Future[Any]) -> None:
        paced.note(due, future.result())


def pace(
    front: Front, members: list[Member], model: Model, seconds: float, rate_hz: float, changes_per_s: float = 4.0
) -> Paced:
    """Send every member `rate_hz` frames a second, each at a phase of its own; some leave, and others come."""
    streams, frames, period = len(members), round(seconds * rate_hz), 1.0 / rate_hz
    rng = np.random.default_rng(0)
    phases = np.sort(rng.uniform(0, period, streams))
    paced = Paced(model, streams, frames)
    begin = time.monotonic() + 0.1
    for frame in range(frames):
        for stream in rng.integers(streams, size=rng.poisson(changes_per_s * period)):
            members[stream] = front.replace(members[stream])
            paced.starts[stream].append(frame)
        times = begin + frame * period + phases
        sent = 0
        while sent < streams:
            now = time.monotonic()
            ready = int(np.searchsorted(times, now))
            if ready > sent:
                front.send(paced, members, [Due(k, frame, float(times[k])) for k in range(sent, ready)])
                sent = ready
            else:
                time.sleep(max(float(times[sent]) - now, _TICK_S))
    return paced
