"""Where a stream stood when a call began: what it takes to undo the call, and hardly any time to keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rnnedge_runtime.binding import Binding, BindingCache
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engine import CancelToken, Engine
from rnnedge_runtime.state_buffers import StateBuffers


class Runner(NamedTuple):
    """What runs: all of it changes together, when another provider takes over."""

    engine: Engine
    stop: CancelToken
    states: StateBuffers
    bindings: BindingCache
    once: Binding


class Kept(NamedTuple):
    """Copies of a set of states and of the summaries that belong to it, by name."""

    states: Mapping[str, Array]
    summaries: Mapping[str, Array]


class Note:
    """References to what a stream replaces and never changes, and which set of states was the one to read.

    A call writes the other set first. `kept` are copies of this one, made before it is written too: None as long as it
    is as it was. `runs`, where a call has noted nothing before it ran, is how many runs the stream had made by then
    since it last settled; where the engine works in place, one more is to be undone.
    """

    def __init__(
        self,
        runner: Runner,
        binding: Binding,
        turn: int,
        frames: int,
        calls: int,
        skip: Mapping[str, int],
        rest: dict[str, Array] | None,
        finished: bool,
        last: dict[str, Array],
        uncount: Callable[[], None],
    ) -> None:
        """Note where the stream stands."""
        self.runner, self.binding, self.turn, self.frames, self.calls = runner, binding, turn, frames, calls
        self.skip, self.rest, self.finished, self.last, self.uncount = skip, rest, finished, last, uncount
        self.runs: int | None = None
        self.kept: Kept | None = None
