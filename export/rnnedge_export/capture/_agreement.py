"""Whether a graph that was captured for some lengths computes what the module computes for others.

`if x.shape[1] > 100` is one branch in a graph. torch.export says for which lengths it holds, and a module may check a
length for good reasons (padding of a short one). So both are run, at lengths around the example's.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from rnnedge_export.capture.example import Example

_BACK = (1, 2, 4, 8, 12, 20, 40, 80, 160, 320)
_FORTH = (1, 2, 5, 17, 64, 200)
_DIVISIONS = {operator.floordiv, operator.mod}
_SHORT = 64
_IN_FRONT = 5
_SEED = 1
_ALIKE = 1e-3
_CHECKS = ("assert", "constrain", "guard", "check")


def other_length(
    program: torch.export.ExportedProgram, module: nn.Module, example: Example, traced: int, grain: int
) -> int | None:
    """A length for which `program`, traced with `traced` frames, is not what the module is; None if none was found."""
    steps = [*(-grain * k for k in _BACK), *(grain * k for k in _FORTH)]
    lengths = [traced + step for step in steps if traced + step > 0]
    if grain == 1:
        # What a branch does where nothing is left over.
        lengths += [traced + -traced % many for many in _divisors(program)]
    return next((n for n in lengths if differs(program, module, example, n, short=n < traced)), None)


def _divisors(program: torch.export.ExportedProgram) -> list[int]:
    """The numbers by which it divides lengths."""
    found = (node.args[1] for node in program.graph.nodes if node.target in _DIVISIONS)
    return sorted({each for each in found if isinstance(each, int) and each > 1})


def differs(
    program: torch.export.ExportedProgram, module: nn.Module, example: Example, length: int, *, short: bool
) -> bool:
    """Whether `program` is not what the module is for `length` frames. `short`: they may be too few to be reflected."""
    given = example.random(max(2, example.batch), length, _SEED)
    try:
        wanted = module(*given)
    # A user's forward can raise anything for a sequence that is too short.
    except Exception:
        return False
    try:
        found = list(_run(program, given))
    # What its sizes do not fit is no failure of the module, but for a sequence that is too short to be reflected.
    except Exception:
        return not (short and reflects(program))
    return not all(_alike(a, b) for a, b in zip(found, wanted, strict=True))


def agrees_from(program: torch.export.ExportedProgram, module: nn.Module, example: Example, longest: int) -> int:
    """The shortest length from which on `program` is what the module is, as far as lengths up to 64 say.

    Of a transform over 2 n numbers the end wraps around to the front, where a kernel is longer than n.
    """
    length = min(longest, _SHORT)
    while length > 1 and not differs(program, module, example, length - 1, short=True):
        length -= 1
    return length


def first_that_agrees(program: torch.export.ExportedProgram, module: nn.Module, example: Example, least: int) -> int:
    """The first length from `least` on for which a rolled loop is what the module is; `least` if the next few are not.

    The first frames that such a loop gives may stand in front of it, all of them whatever the length is.
    """
    lengths = range(least, least + _IN_FRONT)
    return next((n for n in lengths if not differs(program, module, example, n, short=True)), least)


def runs(program: torch.export.ExportedProgram, example: Example, length: int) -> bool:
    """Whether `program` can be run for `length` frames."""
    try:
        list(_run(program, example.random(max(2, example.batch), length, _SEED)))
    # torch raises of everything for sizes that do not fit.
    except Exception:
        return False
    return True


def reflects(program: torch.export.ExportedProgram) -> bool:
    """Whether it pads with its own frames, of which a short sequence has too few: a module then does something else."""
    nodes = program.graph_module.graph.nodes
    return any(
        "reflection_pad" in str(node.target) or (str(node.target) == "aten.pad.default" and "reflect" in node.args)
        for node in nodes
    )


def _run(program: torch.export.ExportedProgram, given: tuple[Tensor, ...]) -> Iterator[Tensor]:
    frames, tensors = iter(given), {**program.state_dict, **program.constants}
    specs = program.graph_signature.input_specs
    args = [next(frames) if each.target is None else tensors[each.target] for each in specs]
    yield from _Unchecked(program.graph_module).run(*args, enable_io_processing=False)


class _Unchecked(torch.fx.Interpreter):
    """What the program claims of its sizes is not asked."""

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = str(target)
        return None if any(word in name for word in _CHECKS) else super().call_function(target, args, kwargs)


def _alike(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    size = max(1.0, float(b.abs().max())) if b.is_floating_point() and b.numel() else 1.0
    return not b.is_floating_point() or bool(torch.allclose(a, b, rtol=0, atol=_ALIKE * size, equal_nan=True))
