"""Import paths of version 0.1 that moved: they work until version 0.3 and warn of it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# The old module; the new one; functions that have another name there.
_MOVED: dict[str, tuple[str, dict[str, str]]] = {
    "rnnedge.learning": ("rnnedge.recipes", {"learn": "train_recipe", "relearn": "finetune_run"}),
    "rnnedge.nn.attention": ("rnnedge.nn", {}),
    "rnnedge.nn.convolution": ("rnnedge.nn", {}),
    "rnnedge.nn.log_mel": ("rnnedge.audio", {}),
    "rnnedge.nn.lru": ("rnnedge.nn", {}),
    "rnnedge.peers": ("rnnedge.baselines", {}),
    "rnnedge.recipe": ("rnnedge.recipes", {}),
    "rnnedge.training.range_test": ("rnnedge.training.lr_finder", {}),
    "rnnedge.weights": ("rnnedge.sources", {}),
}

# Rooms whose modules have an underscore since: `rnnedge.training.trainer` is `rnnedge.training._trainer`.
_PRIVATE = (
    "audio",
    "data",
    "explain",
    "frames",
    "nn",
    "options",
    "recipes",
    "remote",
    "report",
    "sources",
    "training",
    "tuning",
)


class MovedModules:
    """Stands last in `sys.meta_path`: a module that nobody else finds is looked up among those that moved."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """An empty module for an old path, None for any other."""
        known = name in _MOVED or _private(name) is not None
        return ModuleSpec(name, MovedModules()) if known else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """The ordinary module of Python."""

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Warn, and hand out the names of the new module."""
        old = module.__name__
        new, renamed = _MOVED.get(old, (_private(old) or "", {}))
        shown = new if old in _MOVED else f"private; import from {old.rpartition('.')[0]}"
        warnings.warn(f"{old} is now {shown}; the old path goes in 0.3", DeprecationWarning, stacklevel=2)

        def attribute(name: str) -> Any:
            # `inspect` asks every module for its file, the new one while it is half imported.
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(import_module(new), renamed.get(name, name))

        module.__getattr__ = attribute  # type: ignore[method-assign]


def _private(name: str) -> str | None:
    """The module that has the name with an underscore in front, in a room of `_PRIVATE`; None if there is none."""
    room, _, last = name.rpartition(".")
    if room.removeprefix("rnnedge.") not in _PRIVATE or last.startswith("_"):
        return None
    # Here, since hardly a program asks for an old path, and every one imports this.
    from importlib.util import find_spec

    private = f"{room}._{last}"
    return private if find_spec(private) is not None else None


def install() -> None:
    """Called once by `import rnnedge`."""
    sys.meta_path.append(MovedModules)
