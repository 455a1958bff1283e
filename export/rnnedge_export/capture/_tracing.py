"""torch.export for any batch and length, or for the lengths that the module takes."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from rnnedge_export.capture._pooling import two_dimensional_pooling
from rnnedge_export.capture._rnn_custom_ops import opaque
from rnnedge_export.capture._specialized_dims import find_baked
from rnnedge_export.capture.complex_numbers import RealPairs, has_complex, spectra_of_frames
from rnnedge_export.capture.loops import NoFrames, NotALoop, roll
from rnnedge_export.capture.module_adapter import Example, Source
from rnnedge_export.graph.lengths import Lengths
from rnnedge_runtime.errors import ModelRefused, RnnEdgeError

_TRIALS = 6


def trace(
    source: Source, x: tuple[torch.Tensor, ...], example: Example
) -> tuple[torch.export.ExportedProgram, Lengths]:
    """The graph for any batch, and for any length or the lengths that torch.export says the module takes.

    Raises `ModelRefused` naming the line of code that fixes a length, and the remedy.
    """
    try:
        with torch.no_grad():
            source(*x)
    except RnnEdgeError:
        raise
    # A user's forward can raise anything.
    except Exception as error:
        raise ModelRefused(
            f"{source.name}: its forward fails on an input of shape {tuple(x[0].shape)}: {reason_of(error)}"
        ) from error
    length = x[0].shape[example.time_axis]
    time: Any = torch.export.Dim("time")
    grain, deferred = 1, False
    for _ in range(_TRIALS):
        each = {example.batch_axis: torch.export.Dim("batch"), example.time_axis: time}
        dims = (each,) * len(x)

        def traced(
            module: torch.nn.Module, dims: Any = dims, deferred: bool = deferred
        ) -> torch.export.ExportedProgram:
            return torch.export.export(
                module, x, dynamic_shapes=(dims,), prefer_deferred_runtime_asserts_over_guards=deferred
            )

        with quiet(), torch.no_grad(), opaque(source) as module, two_dimensional_pooling(), spectra_of_frames():
            try:
                program = traced(module)
                if has_complex(program):
                    program = traced(RealPairs(program).eval())
            except RnnEdgeError:
                raise
            except Exception as error:
                suggested = None if _fixes_length(str(error)) else _suggested(str(error), length)
                if suggested is not None and (suggested[1], length) == (grain, getattr(time, "min", None)):
                    # What torch.export cannot prove of lengths, such as n != 4 * (n // 4) - 8, is left to be checked:
                    # verification runs the module at short and long ones.
                    suggested, deferred = (None, True) if deferred else (suggested, True)
                if suggested is None:
                    try:
                        return _with_rolled_loops(module, x, example), Lengths(_least(source, x, example, 1))
                    except NotALoop as reason:
                        raise ModelRefused(
                            f"{source.name}: cannot be captured for any batch and length: {reason_of(error)}"
                            f"{_where(lambda: traced(module), example)}{_why_not_rolled(reason)}"
                        ) from error
                time, grain = suggested
                continue
        # The module as it is: what stands in for parts of it during a capture may take other lengths.
        with quiet(), torch.no_grad():
            return program, Lengths(_least(source, x, example, grain), grain)
    raise ModelRefused(f"{source.name}: torch.export finds no lengths that it takes; give a longer example")


def _with_rolled_loops(
    module: torch.nn.Module, x: tuple[torch.Tensor, ...], example: Example
) -> torch.export.ExportedProgram:
    """A graph for any batch and length of a module with Python loops over time; raises `NotALoop`."""
    batch = x[0].shape[example.batch_axis]
    dims: Any = ({example.batch_axis: torch.export.Dim("batch")},) * len(x)

    def captured(length: int) -> torch.export.ExportedProgram:
        given = example.resized(batch, length)
        try:
            program = torch.export.export(module, given, dynamic_shapes=(dims,))
            if has_complex(program):
                program = torch.export.export(RealPairs(program).eval(), given, dynamic_shapes=(dims,))
            return program
        # A user's forward can raise anything, and the refusal says what it did for the example.
        except Exception as error:
            raise NoFrames("it cannot be captured at a fixed length either") from error

    rolled = roll(captured, example.batch_axis, example.time_axis)
    each = {example.batch_axis: torch.export.Dim("batch"), example.time_axis: torch.export.Dim("time")}
    try:
        return torch.export.export(rolled, x, dynamic_shapes=(each,) * len(x))
    except Exception as error:
        raise NotALoop(reason_of(error)) from error


def _why_not_rolled(reason: NotALoop) -> str:
    return "" if isinstance(reason, NoFrames) else f" (the loop over time cannot be rolled into a scan: {reason})"


def _where(failing: Callable[[], object], example: Example) -> str:
    """The line that fixes the length, or the batch, and the remedy."""
    baked = find_baked(failing, example.time_axis)
    if (line := baked.fixed or baked.limited) is not None:
        return f" in {line}; {baked.remedy}"
    batch = find_baked(failing, example.batch_axis)
    remedy = "write forward without Python arithmetic or branches on lengths and values"
    return f" in {batch.fixed}; {remedy}" if batch.fixed is not None else f"; {remedy}"


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


def _least(source: Source, x: tuple[torch.Tensor, ...], example: Example, grain: int) -> int:
    """The shortest sequence that the module itself takes, found by calling it."""
    longest = x[0].shape[example.time_axis]
    for length in range((longest - 1) % grain + 1, longest + 1, grain):
        try:
            source(*example.resized(1, length))
        # A user's forward can raise anything for a sequence that is too short.
        except Exception:
            continue
        return length
    return longest


@contextmanager
def quiet() -> Iterator[None]:
    """torch's exporter warns about its own internals, in forms that change between versions; a refusal is an error."""
    torch_logger = logging.getLogger("torch")
    level = torch_logger.level
    torch_logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch_logger.setLevel(level)


def reason_of(error: BaseException) -> str:
    """The one line of an exporter's message that says what happened."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    for line in lines:
        if fixed := re.search(r"(batch|time) as dynamic but your code specialized it to be a constant \((\d+)\)", line):
            return f"the code fixes the {'batch size' if fixed[1] == 'batch' else 'sequence length'} to {fixed[2]}"
    if limit := re.search(r"time = Dim\('time',.*max=(\d+)\)", str(error)):
        return f"the code takes at most {limit[1]} frames"
    telling = [line for line in lines if re.search(r"inferred|specializ|constraint|Unsupported|No ONNX function", line)]
    return (telling or lines or [type(error).__name__])[0][:300]
