"""torch.export for any batch and length, or for the lengths that the module takes."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from rnnedge_export.capture._agreement import agrees_from, first_that_agrees, other_length, reflects, runs
from rnnedge_export.capture._as_traced import as_traced
from rnnedge_export.capture._full_packing import Packing
from rnnedge_export.capture._general_length import General, shapes_at, traced
from rnnedge_export.capture._growth import frames_per_iteration, takes_pairs
from rnnedge_export.capture._loops_tried import Loops
from rnnedge_export.capture._over_pairs import refuse_loops_over_pairs
from rnnedge_export.capture._over_sequences import refuse_loops_over_sequences
from rnnedge_export.capture._overlap_add import OverlapAdds
from rnnedge_export.capture._quiet import quiet, reason_of
from rnnedge_export.capture._rolled_loops import weighs_pairs
from rnnedge_export.capture._specialized_dims import find_baked
from rnnedge_export.capture._user_lines import line_of
from rnnedge_export.capture._value_checks import Answers, value_error
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.kept_values import KeptValues, left_as_it_was
from rnnedge_export.capture.loops import NoFrames, NotALoop
from rnnedge_export.capture.module_adapter import ModuleAdapter
from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

_TRIALS = 6
_ENDS = (
    "a parallel scan written out by doubling, or a table by position, ends: write the recurrence with "
    "associative_scan or rnnedge.nn.time_loop"
)


def trace(
    source: ModuleAdapter, x: tuple[torch.Tensor, ...], example: Example
) -> tuple[torch.export.ExportedProgram, Lengths]:
    """The graph for any batch, and for any length or the lengths that torch.export says the module takes.

    Raises `ModelRefused` naming the line of code that fixes a length, and the remedy.
    """
    answers, adds, packing, given = Answers(), OverlapAdds(), Packing(), x
    try:
        with torch.no_grad(), packing, left_as_it_was(source.module):
            with answers.noted(source.module), adds.noted():
                source(*x)
            if answers.asks_constants:
                _ask_again(source, example, answers)
            # A stream is one sequence, and the capture of a loop takes a while.
            given = example.given(1, x[0].shape[example.time_axis])
            source(*given)
    except RnnEdgeError:
        raise
    # A user's forward can raise anything.
    except Exception as error:
        raise ModelRefused(f"{source.name}: {_failing(source, given, example, reason_of(error))}") from error
    refuse_loops_over_sequences(source, example)
    refuse_loops_over_pairs(source, example)
    with as_traced(source.module), answers.given(), adds.given(), packing.left_out():
        with left_as_it_was(source.module):
            loops = Loops(source, x, example, *frames_per_iteration(source, example))
        rolled = loops.rolled() if loops.step else None
        program, grain = rolled or _any_length(source, x, example, loops)
        if program in (loops.made, loops.found):
            _agreeing(program, source, x, example, torch.export.Dim("time"), grain)
    # The module as it is: what stands in for parts of it during a capture may take other lengths.
    with quiet(), torch.no_grad(), left_as_it_was(source.module):
        least = _least(program, source, x, example, grain)
        if loops.made is program:
            least = first_that_agrees(program, source, example, least)
        if loops.found is not program:
            return program, Lengths(least, grain)
        least = max(least, agrees_from(program, source, example, x[0].shape[example.time_axis]))
        return program, Lengths(least, grain, takes_pairs(source, example))


def _ask_again(source: ModuleAdapter, example: Example, answers: Answers) -> None:
    """What a module asks of constants has to be the same for a longer sequence, and in a call after another."""
    kept = KeptValues(source.module)
    try:
        with answers.noted(source.module):
            source(*example.given(max(2, example.batch), 2 * example.length))
    # A user's forward can raise anything, such as for this length.
    except Exception:
        answers.forget_constants()
    if kept.changed():
        answers.forget_constants()


def _any_length(
    source: ModuleAdapter, x: tuple[torch.Tensor, ...], example: Example, loops: Loops
) -> tuple[torch.export.ExportedProgram, int]:
    """The graph, and the number of which the lengths that it takes are multiples, but for a constant."""
    length = x[0].shape[example.time_axis]
    plain: Any = torch.export.Dim("time")
    time = plain
    grain, deferred, general = 1, False, General(source, example)
    for _ in range(_TRIALS):
        try:
            program = traced(source, x, example, time, deferred=deferred)
            found = loops.recurrent() if weighs_pairs(program, example) else None
            if found is None and time is not plain:
                _agreeing(program, source, x, example, plain, grain)
            return found or (program, grain)
        except RnnEdgeError:
            if (found := loops.recurrent()) is not None:
                return found
            raise
        except Exception as error:
            suggested = None if _fixes_length(str(error)) else _suggested(str(error), length)
            if suggested is not None and (longer := general.traced(length + 1)) is not None:
                if (settled := _settled(longer, general, source, example, length)) is not None:
                    return settled, 1
                if suggested[1] == 1:
                    _agreeing(longer, source, x, example, plain, 1)
                    return longer, 1
            if suggested is not None and (suggested[1], length) == (grain, getattr(time, "min", None)):
                # What torch.export cannot prove of lengths, such as n != 4 * (n // 4) - 8, is left to be checked:
                # verification runs the module at short and long ones.
                suggested, deferred = (None, True) if deferred else (suggested, True)
            if suggested is None:
                if (rolled := loops.any()) is not None:
                    return rolled
                # What fixes the shortest length that a module takes does not fix a longer one.
                # A longer sequence takes more iterations of a loop that could not be rolled.
                longer = None if loops.step and loops.reason else general.traced(2 * length + 1)
                if longer is not None:
                    if (settled := _settled(longer, general, source, example, length)) is not None:
                        return settled, 1
                    _agreeing(longer, source, x, example, plain, 1)
                    return longer, 1
                failing = partial(traced, source, x, example, time)
                raise ModelRefused(
                    f"{source.name}: cannot be captured for any batch and length: "
                    f"{_why(error, failing, example)}{_why_not_rolled(loops.reason)}"
                ) from error
            time, grain = suggested
    raise ModelRefused(f"{source.name}: torch.export finds no lengths that it takes; give a longer example")


def _settled(
    longer: torch.export.ExportedProgram,
    general: General,
    source: ModuleAdapter,
    example: Example,
    length: int,
) -> torch.export.ExportedProgram | None:
    """`longer`, or what it is where the code branches on a remainder, if it is the module for other lengths too."""
    for made in (lambda: longer, general.rounded):
        program = made()
        with left_as_it_was(source.module):
            if program is not None and other_length(program, source, example, length, 1) is None:
                return program
    return None


def _agreeing(
    program: torch.export.ExportedProgram,
    source: ModuleAdapter,
    x: tuple[torch.Tensor, ...],
    example: Example,
    time: Any,
    grain: int,
) -> None:
    """Raise `ModelRefused` if the module computes something else for other lengths, with the line that asks for it."""
    with left_as_it_was(source.module):
        length = other_length(program, source, example, x[0].shape[example.time_axis], grain)
    if length is not None:
        baked = find_baked(partial(traced, source, x, example, time), example.time_axis)
        if (line := baked.branch) is not None:
            raise ModelRefused(
                f"{source.name}: cannot stream: for {length} frames it computes something else than for "
                f"{x[0].shape[example.time_axis]}, by a branch on the length in {line}; {baked.remedy}"
            )


def _why_not_rolled(reason: NotALoop | None) -> str:
    known = reason is not None and not isinstance(reason, NoFrames)
    return f" (the loop over time cannot be rolled into a scan: {reason})" if known else ""


def _why(error: Exception, failing: Callable[[], object], example: Example) -> str:
    """What fixes or limits the length, or fixes the batch, with its line and the remedy."""
    if (reason := value_error(error)) is not None:
        return reason
    reason, baked = reason_of(error), find_baked(failing, example.time_axis)
    if baked.limited is not None:
        reason = reason if "at most" in reason else "the code takes a limited number of frames"
        return f"{reason} in {baked.limited}; {baked.remedy}"
    if "at most" in reason:
        return f"{reason}; {_ENDS}"
    if baked.fixed is not None:
        return f"{reason} in {baked.fixed}; {baked.remedy}"
    line = find_baked(failing, example.batch_axis).fixed or line_of(error)
    remedy = "write forward without Python arithmetic or branches on lengths and values"
    return f"{reason} in {line}; {remedy}" if line is not None else f"{reason}; {remedy}"


def _fixes_length(message: str) -> bool:
    return re.search(r"^\s*(time|batch) = \d+\s*$|^\s*batch = ", message, re.MULTILINE) is not None


def _suggested(message: str, length: int) -> tuple[Any, int] | None:
    """The lengths to try next, with their grain: those of a form that torch.export suggests, at least the example's.

    Lengths that are at least the example's need no proof of what happens to short ones: verification calls the module
    with those.
    """
    if "Constraints violated (time)" not in message:
        return None
    if form := re.search(r"^\s*time = (\d+)\*_time(?: ([+-]) (\d+))?\s*$", message, re.MULTILINE):
        grain, offset = int(form[1]), int(f"{form[2] or '+'}{form[3] or 0}")
        return grain * torch.export.Dim("_time", min=(length - offset) // grain) + offset, grain
    return torch.export.Dim("time", min=length), 1


def _least(
    program: torch.export.ExportedProgram,
    source: ModuleAdapter,
    x: tuple[torch.Tensor, ...],
    example: Example,
    grain: int,
) -> int:
    """The shortest sequence from which on the module itself takes longer ones, found by calling it.

    What a module does with sequences that are too short to be reflected is another thing, for which the graph does not
    run. Where it runs, it has to be what the module is: verification compares them.
    """
    longest = x[0].shape[example.time_axis]
    first = (longest - 1) % grain + 1
    short, enough = -1, (longest - first) // grain
    reflected = reflects(program) and runs(program, example, longest)
    while enough - short > 1:
        middle = (short + enough) // 2
        length = first + middle * grain
        # A `squeeze()` takes the time of one frame away; one sequence may broadcast then, several do not.
        takes = all(shapes_at(source, example, batch, length) is not None for batch in (1, 2))
        takes = takes and (not reflected or runs(program, example, length))
        short, enough = (short, middle) if takes else (middle, enough)
    return first + enough * grain


def _failing(source: ModuleAdapter, x: tuple[torch.Tensor, ...], example: Example, reason: str) -> str:
    """What to say of a forward that fails on an example of two sequences or more."""
    with quiet(), torch.no_grad(), left_as_it_was(source.module):
        alone = shapes_at(source, example, 1, x[0].shape[example.time_axis]) is not None
    if alone:
        return (
            f"it takes one sequence at a time only ({reason}); make its initial states, and what else is as large as "
            f"the batch, of x.shape[{example.batch_axis}] sequences"
        )
    remedy = "" if x[0].shape[example.batch_axis] > 1 else "; a stream is one sequence: give squeeze() its axis"
    return f"its forward fails on an input of shape {tuple(x[0].shape)}: {reason}{remedy}"
