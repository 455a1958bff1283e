"""A module with Python loops over time, captured for any batch and length."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rnnedge_export.capture._fake_tensors import exported
from rnnedge_export.capture._quiet import reason_of
from rnnedge_export.capture.complex_numbers import RealPairs, has_complex
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.loops import GRAIN, NoFrames, NotALoop, Unrolled, WithPlaces, captured_at, roll, unrolled
from rnnedge_export.capture.scans import Standalone, find_recurrences
from rnnedge_runtime.errors import RnnEdgeError

_SEED = 5


def weighs_pairs(program: torch.export.ExportedProgram, example: Example) -> bool:
    """Whether there are values over pairs of frames or blocks, and no softmax over them: linear attention in parallel.

    Blocks may be one more than there are, with a state in front of them.
    """
    values = {node: node.meta.get("val") for node in program.graph.nodes}
    first = next(node for node in values if node.name == program.graph_signature.user_inputs[0])
    batch = str(values[first].shape[example.batch_axis])
    pairs = {
        node for node, value in values.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and _has_pairs(value, batch)
    }  # fmt: skip
    names = {getattr(node.target, "_opname", "") for node in pairs}
    reading = {getattr(user.target, "_opname", "") for node in pairs for user in node.users}
    products = {"matmul", "bmm", "mm", "einsum", "mul"}
    return bool((names | reading) & products) and not names & {"softmax", "_softmax", "_safe_softmax"}


def _has_pairs(value: torch.Tensor, batch: str) -> bool:
    lengths = [name for name in map(str, value.shape) if not name.isdigit() and name != batch]
    return len(set(lengths)) < len(lengths)


def with_rolled_loops(
    module: nn.Module,
    x: tuple[torch.Tensor, ...],
    example: Example,
    *,
    exporting: bool,
    written: bool = True,
    step: int = 1,
    grain: int = 1,
) -> tuple[torch.export.ExportedProgram, int]:
    """A graph for any batch, and the number of which its lengths are multiples; raises `NotALoop`.

    `exporting`: what the module is told of it. `written`: loops that the module writes; False: recurrences that it
    computes without one (`scans/`). `step`: the frames of an iteration. `grain`: what is known of the number.
    """

    def capture(length: int, batch: int) -> Unrolled:
        return unrolled(
            module, example.given(2, length), example.batch_axes, batch, exporting=exporting, einsum=not written
        )

    def rewritten(found: Unrolled, length: int) -> Unrolled:
        if not written and not find_recurrences(found, example.random(found.batch, length, _SEED), length // step):
            raise NoFrames("no recurrence is found")
        if has_complex(found.module):
            return _of_pairs(module if written else found, example, length, found.batch)
        return found

    try:
        captured, lengths = captured_at(capture, module, step)
        captured = [rewritten(each, length) for each, length in zip(captured, lengths, strict=True)]
    except (RnnEdgeError, NotALoop):
        raise
    # A user's forward can raise anything, and the refusal says what it did for the example.
    except Exception as error:
        raise NoFrames("it cannot be captured at a fixed length either") from error
    rolled = roll(captured, lengths, example.batch_axis, example.time_axis, required=written, step=step)
    grain = max(grain, rolled.meta[GRAIN])
    try:
        return _exported(rolled, x, example, grain), grain
    except NotALoop:
        # What a scan gives lies in another order than what the loop gave, and so do the values that it carries.
        if not _views_reshaped(rolled):
            raise
    return _exported(rolled, x, example, grain), grain


def _views_reshaped(rolled: nn.Module) -> bool:
    """Whether there was any `view`, which now copies if need be."""
    found = False
    for graph in (each for each in rolled.modules() if isinstance(each, torch.fx.GraphModule)):
        for target in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
            for node in graph.graph.find_nodes(op="call_function", target=target):
                node.target, found = torch.ops.aten.reshape.default, True
        graph.recompile()
    return found


def _exported(
    rolled: torch.fx.GraphModule, x: tuple[torch.Tensor, ...], example: Example, grain: int
) -> torch.export.ExportedProgram:
    """What torch cannot prove of lengths, or of those below the example's, is left to the verification."""
    any_length: Any = torch.export.Dim("time")
    longer: Any = torch.export.Dim("time", min=example.length)
    tried = [(any_length, False), (any_length, True), (longer, True)]
    if grain > 1:
        tried = [(grain * torch.export.Dim("_time", min=example.length // grain) + example.length % grain, True)]
    for time, deferred in tried:
        dims = example.dims(torch.export.Dim("batch"), time)
        try:
            return exported(WithPlaces(rolled), x, (dims,), deferred=deferred)
        except Exception as error:
            failed = error
            if deferred and "Constraints violated (time)" not in str(error):
                break
    raise NotALoop(reason_of(failed)) from failed


def _of_pairs(source: nn.Module | Unrolled, example: Example, length: int, batch: int) -> Unrolled:
    """Captured again with every complex number as a pair."""
    if isinstance(source, Unrolled):
        program = exported(Standalone(source), example.given(batch, length), with_lines=True)
    else:
        fixed: Any = example.dims(torch.export.Dim("batch"), None)
        program = exported(source, example.given(2, length), (fixed,), with_lines=True)
    return unrolled(RealPairs(program).eval(), example.given(2, length), example.batch_axes, batch)
