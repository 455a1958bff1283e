"""The native engine behind the seam of `rnnedge_runtime.engines`."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnedge_runtime._fork import forked_away, refuse_in_child
from rnnedge_runtime._interpreter_exit import wait_if_leaving
from rnnedge_runtime._open_calls import opened
from rnnedge_runtime.contract import Array, Contract, State
from rnnedge_runtime.engine import Buffers, Cancelled, CancelToken, DeviceBuffer
from rnnedge_runtime.engines.denormals import flush_denormals
from rnnedge_runtime.engines.native._all_blocks import in_turn, side_by_side, with_copies
from rnnedge_runtime.engines.native._library import Library
from rnnedge_runtime.engines.native._ports import Laid, lay_cursor, lay_port
from rnnedge_runtime.engines.native._signature import Signature
from rnnedge_runtime.engines.native._structs import Block, HeldStates, Structs
from rnnedge_runtime.engines.native.abi import REFUSED, Call, pointers, sizes
from rnnedge_runtime.state_buffers import shape_of

if TYPE_CHECKING:
    from rnnedge_runtime.engines.native._side_by_side import Crew

# Letting the global lock go and taking it again costs 60 ns alone, and microseconds where other threads want it.
_SHORT_S = 10e-6
# Less than this is done before another thread has woken.
_SHARED_S = 20e-6
_TRIES = 5
_MOST_CHECKED = 64


class NoSuchRow(Exception):
    """A step was given the number of a row that a table, such as an embedding, does not have."""


class NativeStop:
    """Ends runs by a number that the library looks at between steps."""

    def __init__(self, limited: bool) -> None:
        """Made by `NativeEngine.stop`."""
        self.limited = limited
        self._flag = ctypes.c_int32()
        self.at = ctypes.addressof(self._flag)

    def set(self) -> None:
        """End the run in progress, and every later one until `clear`."""
        self._flag.value = 1

    def clear(self) -> None:
        """Let runs pass again."""
        self._flag.value = 0


class NativeEngine:
    """A library that was made from a file; created by `open_native`, lives as long as its `Model`.

    States live in the structs of the library: a run changes them in place, and says so with 0, or with another number
    where it changed nothing.
    """

    provider = "native"
    in_place = True
    failures: tuple[type[Exception], ...] = (Cancelled, NoSuchRow)

    def __init__(
        self, library: Library, contract: Contract, signature: Signature, *, flush: bool, threads: int = 1
    ) -> None:
        """`flush`: denormal numbers are zero in threads that bind; `threads` share the blocks of a large call."""
        wait_if_leaving()
        self._crew = _crew(threads - 1, flush) if threads > 1 else None
        self._library, self._contract, self._flush = library, contract, flush
        self._opened = opened(contract)
        self.inputs, self.outputs, self.metadata = signature.inputs, signature.outputs, signature.metadata
        floats = [port.dtype for port in contract.inputs if port.dtype.startswith("float")]
        # The library looks through as many inputs as a call has bits for.
        self.checks_finite = all(dtype == "float32" for dtype in floats) and len(contract.inputs) <= _MOST_CHECKED
        floats_at = [i for i, port in enumerate(contract.inputs) if port.dtype == "float32"]
        self._finite = sum(1 << i for i in floats_at) if self.checks_finite else 0
        self._forked = False
        forked_away(self)
        # Until it is known.
        self._step_s = 1.0
        self._step_s = self._time_of_a_step()

    @property
    def library(self) -> Library:
        """What runs."""
        return self._library

    def stop(self, limited: bool) -> NativeStop:
        """A token of its own; a run with a limit lets other threads run, or nobody could end it."""
        return NativeStop(limited)

    def hold(
        self, states: Sequence[State], sets: Sequence[Mapping[str, Array]], batch: int
    ) -> Sequence[Mapping[str, Array | DeviceBuffer]]:
        """The same structs for every set: they hold all states."""
        structs = Structs(self._library, batch)
        held = [HeldStates(structs, states, arrays) for arrays in sets]
        return [{state.input: one for state in states} for one in held]

    def bind(self, inputs: Buffers, outputs: Buffers, stop: CancelToken) -> Callable[[], object]:
        """Bind numpy arrays in place, or over copies where a step of a block does not lie in one piece."""
        if self._forked:
            refuse_in_child()
        if self._flush:
            flush_denormals()
        own = stop if isinstance(stop, NativeStop) else NativeStop(False)
        array = _array(inputs, self._contract.inputs[0].name)
        # Arrays of a step have no axis of time where the file's have none.
        contract = self._contract if array.ndim == len(self._contract.inputs[0].shape) else self._opened
        first = contract.inputs[0]
        structs = next((held.structs for held in inputs.values() if isinstance(held, HeldStates)), None)
        structs = structs or Structs(self._library, array.shape[first.batch_axis])
        steps = 1 if first.time_axis is None else array.shape[first.time_axis] // contract.unit
        laid_in = [lay_port(_array(inputs, p.name), p, structs.blocks, steps) for p in contract.inputs]
        laid_in += [lay_cursor(_array(inputs, c.name), c, structs.blocks, steps) for c in contract.cursors]
        laid_out = [lay_port(_array(outputs, p.name), p, structs.blocks, steps) for p in contract.outputs]
        refuses = any(block.program.refuses for block in structs.blocks)
        calls = [
            _call(block, i, laid_in, laid_out, steps, self._finite, own.at) for i, block in enumerate(structs.blocks)
        ]
        for call in calls:
            call.keep = (structs, own, laid_in, laid_out)
        short = not own.limited and self._step_s * steps * len(calls) < _SHORT_S
        run = self._library.short_run if short else self._library.long_run
        before = [(mine, theirs) for laid in laid_in for theirs, mine in laid.copies]
        after = [(theirs, mine) for laid in laid_out for theirs, mine in laid.copies]
        if len(calls) == 1:
            bound: Callable[[], int] = partial(run, ctypes.byref(calls[0]))
        elif self._crew is not None and self._step_s * steps * len(calls) >= _SHARED_S:
            bound = side_by_side(self._crew, self._library.long_run, calls, structs)
        else:
            bound = in_turn(run, calls, structs)
        if before or after:
            bound = with_copies(bound, before, after)
        return _telling(bound) if refuses else bound

    def _time_of_a_step(self) -> float:
        """Seconds, the least of a few, over zeros."""
        contract, unit = self._contract, self._contract.unit
        arrays = {p.name: np.zeros(shape_of(p.shape, 1, unit), p.dtype) for p in contract.inputs}
        for cursor in contract.cursors:
            frames = cursor.clock.frames(unit)
            arrays[cursor.name] = np.array(frames - 1, np.int64) if cursor.kind == "last" else np.ones(frames, bool)
        results = {p.name: np.zeros(shape_of(p.shape, 1, p.clock.frames(unit)), p.dtype) for p in contract.outputs}
        run = self.bind(arrays, results, NativeStop(False))
        times = []
        for _ in range(_TRIES):
            began = time.perf_counter()
            run()
            times.append(time.perf_counter() - began)
        return min(times)

    def _fork(self) -> None:
        """In a forked child."""
        self._forked = True


def _crew(helpers: int, flush: bool) -> Crew:
    # Here, since one thread needs none of it at its start.
    from rnnedge_runtime.engines.native._side_by_side import Crew

    return Crew(helpers, flush)


def _array(buffers: Buffers, name: str) -> Array:
    array = buffers[name]
    assert isinstance(array, np.ndarray)
    return array


def _call(
    block: Block, index: int, ins: Sequence[Laid], outs: Sequence[Laid], steps: int, finite: int, stop: int
) -> Any:
    """The call of one block; that of the first looks through the inputs of all, before anything runs."""
    return Call(
        ctypes.pointer(block.program),
        block.at,
        pointers([laid.addresses[index] for laid in ins]),
        pointers([laid.addresses[index] for laid in outs]),
        sizes([laid.strides[index] for laid in ins]),
        sizes([laid.strides[index] for laid in outs]),
        steps,
        stop,
        block.undo,
        block.program.step_kept_bytes if steps == 1 else block.program.kept_bytes,
        0 if index else finite,
        sizes([laid.count for laid in ins]),
        block.done,
    )


def _telling(run: Callable[[], int]) -> Callable[[], int]:
    """Raise where a step refuses its numbers: nobody can mend them."""

    def told() -> int:
        code = run()
        if code == REFUSED:
            raise NoSuchRow("an input has the number of a row that its table does not have")
        return code

    return told
