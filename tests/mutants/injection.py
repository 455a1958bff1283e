"""A fault: one defect, planted in one room of the compiler, that the gate has to refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import onnx_ir as ir
import pytest
from source_edit import rewrite

from rnnedge_export import sources
from rnnedge_export.capture.capture import capture

GATES = ("export", "load", "compile", "openvino", "triton", "ort", "huggingface", "web", "c", "cpp", "rust", "go")


class Injection:
    """Plants a defect until its `MonkeyPatch` is undone, and counts how often it changed something."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch, self.hits = patch, 0

    def around(self, owner: Any, name: str, change: Callable[..., Any]) -> None:
        """Call `change(original, *arguments)` in place of `owner.name(*arguments)`."""
        original = getattr(owner, name)

        def changed(*arguments: Any, **options: Any) -> Any:
            self.hits += 1
            return change(original, *arguments, **options)

        self._patch.setattr(owner, name, changed)

    def result(self, owner: Any, name: str, change: Callable[[Any], Any]) -> None:
        """Give `change` of what `owner.name` gives."""
        self.around(owner, name, lambda original, *a, **k: change(original(*a, **k)))

    def value(self, owner: Any, name: str, value: Any, read_by: tuple[Any, str]) -> None:
        """Put `value` in the place of the constant `owner.name`; the function `read_by` has to be called."""
        self._patch.setattr(owner, name, value)
        self.around(*read_by, lambda original, *a, **k: original(*a, **k))

    def graph(self, owner: Any, name: str, edit: Callable[[ir.Model], int]) -> None:
        """Let `edit` change the graph of what `owner.name` gives; it returns how many nodes it changed."""
        original = getattr(owner, name)

        def changed(*arguments: Any, **options: Any) -> Any:
            found = original(*arguments, **options)
            self.hits += edit(found if isinstance(found, ir.Model) else found.model)
            return found

        self._patch.setattr(owner, name, changed)

    def captured(self, edit: Callable[[ir.Model], int]) -> None:
        """Let `edit` change the graph as it was captured."""
        original = sources.capture

        def changed(*arguments: Any) -> Any:
            found = original(*arguments)
            found = replace(found, model=found.model.clone())
            self.hits += edit(found.model)
            return found

        self._patch.setattr(sources, "capture", changed)

    def fresh_capture(self) -> None:
        """For a defect inside of the capture: what was captured before is not taken."""
        self._patch.setattr(sources, "capture", capture)

    def source(self, where: str, old: str, new: str) -> None:
        """Put `new` in the place of `old` in a function, "module:Class.method" without the name of the package."""
        rewrite(self._patch, f"{_package(where)}.{where}", old, new, self._count)

    def _count(self) -> None:
        self.hits += 1

    def text(self, owner: Any, name: str, old: str, new: str) -> None:
        """Put `new` in the place of `old` in the text that `owner.name` gives."""
        original = getattr(owner, name)

        def changed(*arguments: Any, **options: Any) -> Any:
            found = original(*arguments, **options)
            self.hits += found.count(old)
            return found.replace(old, new)

        self._patch.setattr(owner, name, changed)

    def kernel(self, old: str, new: str) -> None:
        """Put `new` in the place of `old` in the C that every program calls."""
        from rnnedge_export.codegen import render

        assert old in render.kernels(narrow=True, sparse=True), f"kernels: {old!r} does not stand there"
        self.text(render, "kernels", old, new)

    def template(self, owner: Any, file: str, old: str, new: str) -> None:
        """Put `new` in the place of `old`, which stands in the template `file`, "folder/name", that `owner` reads."""
        original = owner.part
        folder, name = file.split("/")
        assert old in original(name, folder), f"{file}: {old!r} does not stand there"

        def changed(read: str, *arguments: Any) -> Any:
            found = original(read, *arguments)
            if read != name:
                return found
            self.hits += 1
            return found.replace(old, new)

        self._patch.setattr(owner, "part", changed)


@dataclass(frozen=True)
class Fault:
    """`what`: what is wrong, in a sentence; `network`: a name of `NETWORKS`, which shows it; `gate`: one of `GATES`."""

    name: str
    room: str
    what: str
    network: str
    gate: str
    plant: Callable[[Injection], None]


FAULTS: dict[str, Fault] = {}


def _package(where: str) -> str:
    """Of ours, the one that has this module."""
    first = where.partition(":")[0].partition(".")[0]
    return next(p for p in ("rnnedge_export", "rnnedge_runtime", "rnnedge") if find_spec(f"{p}.{first}") is not None)


def fault(room: str, network: str, gate: str = "export") -> Callable[..., Callable[[Injection], None]]:
    """Register a function that plants a defect; its docstring says which."""

    def registered(plant: Callable[[Injection], None]) -> Callable[[Injection], None]:
        name = plant.__name__
        assert name not in FAULTS and gate in GATES
        FAULTS[name] = Fault(name, room, (plant.__doc__ or "").strip().rstrip("."), network, gate, plant)
        return plant

    return registered
