"""A public function as a door: how it is called rightly, and what a wrong call may not change."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import GenericAlias, ModuleType
from typing import Any

from rnnedge_runtime import RnnEdgeError

# Calls with junk of each door; `make fuzz` makes 400.
EXAMPLES = int(os.environ.get("RNNEDGE_DOOR_EXAMPLES", "8"))


def nothing() -> object:
    """Of a function that keeps nothing."""
    return None


def done(_: Any) -> None:
    """After a call that left nothing behind."""


@dataclass(frozen=True)
class Door:
    """`call(**good)` works; `after(result)` undoes it. `state()` is what a call that fails leaves as it was."""

    call: Callable[..., Any]
    good: Mapping[str, Any] = field(default_factory=dict)
    state: Callable[[], object] = nothing
    after: Callable[[Any], None] = done

    def arguments(self) -> list[str]:
        """Those that can be given by name."""
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        return [name for name, p in inspect.signature(self.call).parameters.items() if p.kind in kinds]

    def try_with(self, wrong: Mapping[str, Any]) -> str:
        """Call it with wrong arguments: "works", or the name of the error that belongs there; another one is raised."""
        before = self.state()
        try:
            result = self.call(**{**self.good, **wrong})
        except RnnEdgeError as error:
            message = str(error)
            assert message and "\n" not in message and len(message) < 1000, message
            assert self.state() == before
            return type(error).__name__
        self.after(result)
        return "works"


def public_calls(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Everything of `module.__all__` that takes arguments: functions, and methods of classes that are no errors."""
    found: dict[str, Callable[..., Any]] = {}
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value):
            if not issubclass(value, BaseException):
                found |= {f"{name}.{key}": method for key, method in _methods(value)}
        # A name of a type, such as dict[str, ...], is none.
        elif callable(value) and not isinstance(value, GenericAlias):
            found[name] = value
    return found


def _methods(cls: type) -> list[tuple[str, Callable[..., Any]]]:
    """Public methods that the package itself defines and that take an argument, and how an object is made."""
    found = []
    for key, value in inspect.getmembers(cls, inspect.isroutine):
        ours = str(getattr(value, "__module__", "")).partition(".")[0].startswith("rnnedge")
        if key == "__init__" or (ours and not key.startswith("_")):
            parameters = [p for p in inspect.signature(value).parameters if p not in ("self", "args", "kwargs")]
            if parameters:
                found.append((key, value))
    return found
