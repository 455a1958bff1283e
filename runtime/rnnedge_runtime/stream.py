"""One sequence in progress, as a user has it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any, Generic

from rnnedge_runtime._exclusive import StaysHere
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._meant import STREAM, Meant
from rnnedge_runtime._memory import MOST_SEQUENCES, check_stream
from rnnedge_runtime.arguments import instance, integer, mapping
from rnnedge_runtime.context import checked_context
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Policies
from rnnedge_runtime.frames import Frames, Out
from rnnedge_runtime.stream_runner import StreamRunner

_DEFAULTS = Policies()


class Stream(StaysHere, Meant, Generic[Out]):
    """One sequence, or several of equal length, in progress; created by `Model.stream`, used by one owner.

    The state survives from `push` to `push` until `reset`. Frames are (time, ...) for batch 1, else (batch, time, ...).
    Any way of cutting a sequence into pushes gives the same outputs. Another thread may take a stream over between
    two calls; one that comes in during a call gets an `OwnerError`, and so does a forked child.
    """

    _meant = STREAM
    _kind, _elsewhere = StreamRunner._kind, StreamRunner._elsewhere

    def __init__(self, runner: StreamRunner) -> None:
        """Used by `Model.stream`; `runner` is its own."""
        self.runner = instance(runner, "Stream", StreamRunner, remedy="start one with load(path).stream()")
        # Its own methods: 40 ns faster, and no exception can come between the end of a call here and there.
        self.push, self.step = runner.push, runner.step  # type: ignore[method-assign, assignment]
        self.gap, self.finish = runner.gap, runner.finish  # type: ignore[method-assign, assignment]
        self.reset, self.restore = runner.reset, runner.restore  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """One line: the file, its inputs and outputs, the frames so far."""
        from rnnedge_runtime.describe import counted, in_a_line

        batch = f"batch {self.batch}, " if self.batch > 1 else ""
        frames = f"{batch}{counted(self.frames, 'frame')} so far"
        return f"<rnnedge Stream of {self.runner.name!r}: {in_a_line(self.contract)}; {frames}>"

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self.runner.contract

    @property
    def batch(self) -> int:
        """How many sequences advance together."""
        return self.runner.batch

    @property
    def frames(self) -> int:
        """How many frames were pushed since the start or the last `reset`."""
        return self.runner.frames

    @property
    def counters(self) -> Counter[str]:
        """How many frames each kind of `Event` has concerned since the stream was made; `reset` leaves them."""
        return self.runner.counters

    @property
    def provider(self) -> str:
        """The execution provider that runs this stream now."""
        return self.runner.provider

    def push(self, frames: Frames) -> Out:
        """Take the next frames, return the output frames that became computable, possibly none.

        `frames`: (time, ...) for batch 1, else (batch, time, ...), of the input's dtype; zero frames are allowed. A
        dict by name, with equally many frames of each, where the model has several inputs.
        Returns (time, ...) or (batch, time, ...); a dict by name where the model has several outputs, as a file with
        taps always has (`contract.taps`). A summary, such as `y[:, -1]`, has no frames before the end: it comes from
        `finish`.

        Raises `InputError` for a wrong shape or dtype, after `finish`, and, where the policy is to reject, for a NaN
        or an infinity (naming frame and feature); `Stalled` beyond the time limit; `ProviderError` where the provider
        fails and no other takes over. The stream is then as before the call.
        """
        return self.runner.push(frames)  # type: ignore[return-value]

    @property
    def input(self) -> Array:
        """Where `step` reads: a view (hop, ...), or (batch, hop, ...), of a bound buffer, to be filled in place.

        The first input if there are several; `inputs` has each by name.
        """
        return self.runner.input

    @property
    def inputs(self) -> dict[str, Array]:
        """`input`, of every input by name."""
        return self.runner.inputs

    @property
    def output(self) -> Array:
        """Where `step` leaves the frames of the first output until the next `step`; `outputs` has each by name."""
        return self.runner.output

    @property
    def outputs(self) -> dict[str, Array]:
        """`output`, of every output by name; a summary is that of the frames so far."""
        return self.runner.outputs

    def step(self) -> int:
        """Run one call over the frames in `input`: what `push` does, without a copy and without an allocation.

        Returns how many frames of `output`, counted from its end, belong to the sequence: all of them, but for the
        first calls of a network with a delay. `push` may come between, as long as no frame waits for a whole call.
        The policies mend `input` in place; "reset" leaves the whole call out, and returns 0.

        Raises what `push` raises, and `InputError` where frames wait.
        """
        return self.runner.step()

    def gap(self, frames: int) -> Out:
        """`frames` frames never came: apply the gap policy, and return what `push` would.

        "hold" pushes the last frame that many times, "zero" zeros, so that outputs stay aligned with time. "reset" ends
        the sequence, returns what its end completes, and starts another with the next frame.
        """
        return self.runner.gap(frames)  # type: ignore[return-value]

    def finish(self) -> Out:
        """End the sequence and return what only its end can complete: held-back frames, and summaries as one frame.

        Raises `InputError` where no frame was pushed, or where the sequence is already finished.
        """
        return self.runner.finish()  # type: ignore[return-value]

    def reset(self) -> None:
        """Forget the sequence: initial states, no held-back frames. Starts the next one."""
        self.runner.reset()

    def snapshot(self) -> bytes:
        """Where the stream stands, as bytes for `restore`: states, frames that wait, summaries, a checksum."""
        return self.runner.snapshot()

    def restore(self, data: bytes, name: str = "snapshot") -> None:
        """Go on where another stream stood, of the same file or of the same weights in another precision.

        Also in another process, on another machine or provider. Raises `ModelRefused` for a snapshot of another model,
        naming both digests, and `InputError` for one that is damaged or of another batch; the stream is as before then.
        `name` is how messages call it.
        """
        self.runner.restore(data, name)

    @property
    def states(self) -> dict[str, Array]:
        """Copies of the states as they stand, by the names and in the axis order of `contract.states`."""
        return self.runner.states

    @property
    def context(self) -> dict[str, Array]:
        """Copies of the values per sequence, by name: (...) for batch 1, else with the batch as in the contract."""
        return self.runner.context

    def set_context(self, context: Mapping[str, object]) -> None:
        """Change values per sequence, from the next call on; those that are not named stay.

        Values as for `Model.stream`. Frames that wait for a whole call get the new ones; what the network has computed
        of earlier frames stays. `reset` keeps them. Raises `InputError` for a wrong name, shape or number, and the
        stream is as before then.
        """
        self.runner.set_context(context)

    def copy(self) -> Stream[Out]:
        """A second stream that stands where this one does, and goes its own way."""
        return Stream(self.runner.copy())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep a snapshot in a file, atomically; the one before stays as `path.previous`."""
        from rnnedge_runtime._snapshot_file import keep

        keep(path, self.snapshot())

    def load(self, path: str | os.PathLike[str]) -> None:
        """`restore` the newest whole snapshot of `save`; raises `InputError` if there is none."""
        from rnnedge_runtime._snapshot_file import newest

        self.restore(newest(path), os.fspath(path))


def open_stream(
    loaded: LoadedModel,
    batch: int = 1,
    states: Mapping[str, Array] | None = None,
    policies: Policies = _DEFAULTS,
    context: Mapping[str, object] | None = None,
) -> Stream[Any]:
    """As `Model.stream`; a context that is not given is that of the example."""
    batch = integer(batch, "stream: batch", most=MOST_SEQUENCES)
    if loaded.contract.batch not in (None, batch):
        raise InputError(f"stream: the file was made for batch {loaded.contract.batch}, found {batch}")
    check_stream(loaded.contract, batch, loaded.room)
    initial: Mapping[str, Array] = {} if states is None else states
    if context is not None:
        given = checked_context(context, loaded.contract, batch, "stream: context")
        initial = {**mapping(initial, "stream: states"), **given}
    try:
        return Stream(StreamRunner(loaded, batch, initial, policies))
    except MemoryError as error:
        raise InputError(f"stream: batch: {batch:,} sequences need more memory than there is") from error
