"""Checks of values in a module, such as `assert not y.isnan().any()`, are passed over while it is captured.

1. A check is an `assert`, an `if` that does nothing but raise, and a call of `print`, of `warn` or of a logger: no
   output depends on it.
2. The module ran before, and every check passed: what it asked of a value then is the answer now.
3. What is asked of the module's own weights and buffers, `if self.inited:`, is the same in every call that does not
   change them: what it was for two lengths is the answer.
4. Any other Python number or truth of a value is no part of a graph; `value_error` says so, with its line.
"""

from __future__ import annotations

import ast
import linecache
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rnnedge_export.capture._of_constants import OfConstants
from rnnedge_export.capture._user_lines import Line, line_of, line_running

_ASKED: set[Callable[..., Any]] = {
    Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.__format__, Tensor.__repr__, Tensor.item, Tensor.tolist,
    Tensor.equal, Tensor.allclose, torch.equal, torch.allclose,
}  # fmt: skip
_TOLD = {"print", "warn", "warn_once", "debug", "info", "warning", "error", "log"}
_OTHER = object()
_REMEDY = "a graph has no branches and no Python numbers of values: write torch.where(condition, a, b), or a mask"


class Answers:
    """What checks asked of values in one run of a module, by line and in order; and what was asked of constants."""

    def __init__(self) -> None:
        self._found: dict[Line, list[Any]] = {}
        self._read: Counter[Line] = Counter()
        self._of_constants: dict[Line, list[Any]] = {}

    @contextmanager
    def noted(self, module: nn.Module) -> Iterator[None]:
        """While it is active, answers are noted."""
        constants = OfConstants(module)
        with constants, _Mode(self._note, partial(self._note_constant, constants)):
            yield

    @contextmanager
    def given(self) -> Iterator[None]:
        """While it is active, checks get the answers that were noted, and so does what asks of constants."""
        with _Mode(self._give, lambda line, args, ask: self._constant(line, ask)):
            yield

    def forget_constants(self) -> None:
        """The module changes them."""
        self._of_constants.clear()

    @property
    def asks_constants(self) -> bool:
        """Whether anything was asked of them."""
        return any(self._one(line) for line in self._of_constants)

    def _note_constant(self, constants: OfConstants, line: Line, args: Any, ask: Callable[[], Any]) -> Any:
        answer = ask()
        self._of_constants.setdefault(line, []).append(answer if constants.holds(args) else _OTHER)
        return answer

    def _constant(self, line: Line, ask: Callable[[], Any]) -> Any:
        return self._of_constants[line][0] if self._one(line) else ask()

    def _one(self, line: Line) -> bool:
        """Whether a line asks of constants only, and gets one answer, which is a number."""
        found = self._of_constants.get(line, [])
        numbers = all(isinstance(each, (bool, int, float)) for each in found)
        return bool(found) and numbers and len({(type(each), each) for each in found}) == 1

    def _note(self, line: Line, ask: Callable[[], Any]) -> Any:
        self._found.setdefault(line, []).append(answer := ask())
        return answer

    def _give(self, line: Line, ask: Callable[[], Any]) -> Any:
        if line not in self._found:
            return ask()
        answers, self._read[line] = self._found[line], self._read[line] + 1
        return answers[(self._read[line] - 1) % len(answers)]


class _Mode(TorchFunctionMode):
    def __init__(
        self,
        answer: Callable[[Line, Callable[[], Any]], Any],
        other: Callable[[Line, Any, Callable[[], Any]], Any],
    ) -> None:
        """What gives the answers of checks, and of other lines, with what is asked."""
        super().__init__()
        self._answer, self._other = answer, other

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _ASKED and not torch.compiler.is_dynamo_compiling():
            line = line_running()
            if line is not None and _is_check(line):
                return self._answer(line, lambda: func(*args, **(kwargs or {})))
            if line is not None:
                return self._other(line, args, lambda: func(*args, **(kwargs or {})))
        return func(*args, **(kwargs or {}))


def _is_check(line: Line) -> bool:
    """Case 1."""
    return any(first <= line.number <= last for first, last in _checks("".join(linecache.getlines(str(line.path)))))


@lru_cache(maxsize=32)
def _checks(source: str) -> tuple[tuple[int, int], ...]:
    """First and last lines of the checks in a file."""
    try:
        return tuple(_found(ast.parse(source)))
    except SyntaxError:
        return ()


def _found(tree: ast.AST) -> Iterator[tuple[int, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and _tells(node.value)):
            yield node.lineno, node.end_lineno or node.lineno
        elif isinstance(node, ast.If) and not node.orelse and all(isinstance(each, ast.Raise) for each in node.body):
            yield node.lineno, node.body[-1].end_lineno or node.lineno


def _tells(call: ast.expr) -> bool:
    if not isinstance(call, ast.Call):
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in _TOLD


def value_error(error: BaseException) -> str | None:
    """Case 4: what to say of `error`, if a value was asked for that only a run has."""
    from torch._subclasses.fake_tensor import DataDependentOutputException
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

    line = line_of(error) or "its forward"
    for each in _causes(error):
        if isinstance(each, (GuardOnDataDependentSymNode, DataDependentOutputException)):
            return f"it asks for a value of a tensor in {line}; {_REMEDY}"
        if ".numpy()" in str(each):
            return f"it computes with NumPy in {line}, which is no part of a graph; write it with torch"
        if "format string" in str(each):
            return f"it writes a value as text in {line}, which is no part of a graph; leave that out"
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
