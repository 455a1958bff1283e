"""Import paths that moved still work for a release."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest

from rnnedge import _moved


@pytest.mark.parametrize("old", _moved._MOVED)
def test_an_old_path_warns_and_gives_the_same_things(old: str) -> None:
    """A program of version 0.1 runs, and is told the new name."""
    new, renamed = _moved._MOVED[old]
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}") as warned:
        module = import_module(old)
    assert warned[0].filename == __file__ or "importlib" in warned[0].filename
    for name in renamed or [name for name in vars(import_module(new)) if name[0].isalpha()]:
        assert getattr(module, name) is getattr(import_module(new), renamed.get(name, name))


def test_a_module_that_became_private_is_found_by_its_old_path() -> None:
    """`rnnedge.training.trainer` of version 0.1 warns, and gives the same class."""
    old = "rnnedge.training.trainer"
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"{old} is now private; import from rnnedge.training"):
        module = import_module(old)
    assert module.TrainResult is import_module("rnnedge.training").TrainResult


def test_a_module_that_never_existed_is_not_found() -> None:
    """The finder answers for paths that moved, and for no others."""
    with pytest.raises(ModuleNotFoundError):
        import_module("rnnedge.never")
    with pytest.raises(ModuleNotFoundError):
        import_module("rnnedge.training.never")
