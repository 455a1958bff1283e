"""The calls of all blocks that a batch consists of: one after the other, or on several threads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rnnedge_runtime.contract import Array
from rnnedge_runtime.engines.native._structs import Structs
from rnnedge_runtime.engines.native.abi import Call, Run

if TYPE_CHECKING:
    from rnnedge_runtime.engines.native._side_by_side import Crew

Copies = Sequence[tuple[Array, Array]]


def in_turn(run: Run, calls: Sequence[Any], structs: Structs) -> Callable[[], int]:
    """All blocks, one after the other; all of them, or none."""
    arguments = [ctypes.byref(call) for call in calls]

    def all_blocks() -> int:
        for argument in arguments:
            code = run(argument)
            if code:
                structs.level()
                return code
        return 0

    return all_blocks


def side_by_side(crew: Crew, run: Run, calls: Sequence[Any], structs: Structs) -> Callable[[], int]:
    """As `in_turn`, on several threads; the inputs of all are looked through before anything runs."""
    arguments = [ctypes.byref(call) for call in reversed(calls)]
    looked = _looking(calls[0])

    def all_blocks() -> int:
        code = run(ctypes.byref(looked))
        if code:
            return code
        structs.round = shared = crew.round(run, arguments)
        crew.run(shared, len(arguments))
        if shared.codes:
            structs.level()
            return min(shared.codes)
        return 0

    return all_blocks


def with_copies(run: Callable[[], int], before: Copies, after: Copies) -> Callable[[], int]:
    """`run` between copies (to, from); those after it where it ends with 0."""

    def copied() -> int:
        for to, source in before:
            to[...] = source
        code = run()
        if code:
            return code
        for to, source in after:
            to[...] = source
        return 0

    return copied


def _looking(first: Any) -> Any:
    """A call of no step: it looks through the inputs, as `first` does, which need not do it any more."""
    looked = Call.from_buffer_copy(first)
    looked.keep = first
    looked.steps, looked.undo, looked.done, first.finite_inputs = 0, None, None, 0
    return looked
