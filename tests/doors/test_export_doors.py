"""Whatever is handed to a function of the exporter, it answers with an error of ours, and no file is left."""

from __future__ import annotations

from collections.abc import Iterator

import export_doors
import numpy as np
import pytest
import torch
from check_junk import check_junk
from door import Door, public_calls
from in_one_test import in_one_test
from junk import MAKERS, Own

import rnnedge
import rnnedge_export
import rnnedge_runtime
from rnnedge_export import Precision

# A stand-in for an array says of itself that it is one.
TENSORS = (np.ndarray, Own, torch.Tensor)
NAMES = ["adopt", "convert", "export", "verify", "Precision.__init__", "ExportOptions.__init__", "Effort.__init__"]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Every door of the exporter."""
    folder = tmp_path_factory.mktemp("doors")
    with pytest.MonkeyPatch.context() as patch:
        # A short text is a good path.
        patch.chdir(folder)
        yield export_doors.export_doors(folder)


def test_every_public_call_has_a_door(doors: dict[str, Door]) -> None:
    """And `rnnedge` has none of its own beside those of the two packages."""
    made_by_us = {f"{name}.__init__" for name in export_doors.RECORDS}
    assert set(public_calls(rnnedge_export)) - made_by_us == set(NAMES) == set(doors)
    own = public_calls(rnnedge)
    assert own.keys() <= public_calls(rnnedge_export).keys() | public_calls(rnnedge_runtime).keys()


@in_one_test("name", NAMES)
def test_a_right_call_works(doors: dict[str, Door], name: str) -> None:
    """So that a door which refuses everything is none."""
    assert doors[name].try_with({}) == "works"


@pytest.mark.parametrize("name", NAMES)
def test_junk_is_an_error_of_ours(doors: dict[str, Door], name: str) -> None:
    """In any argument, in several at once; a module is in the mode in which it was."""
    # Numpy's own warnings, of what it makes of junk, would be seen by the caller.
    check_junk(doors[name], "error", RuntimeWarning)


@pytest.mark.parametrize("argument", ["module", "example", "calibration", "labels", "normalization", "taps", "notes"])
def test_each_kind_of_junk_is_refused(doors: dict[str, Door], argument: str) -> None:
    """Of an option that a file would keep; calibration counts where the numbers are narrow."""
    also = {"precision": Precision("int8", tolerance=10.0)} if argument == "calibration" else {}
    answers = {label: doors["export"].try_with({argument: made(), **also}) for label, made in MAKERS.items()}
    fits = {"module"} if argument == "module" else set()
    if argument in ("labels", "taps"):
        # No names at all, and some.
        fits = {
            "empty array",
            "array without frames",
            *(["list of text", "file of text"] if argument == "labels" else []),
        }
    if argument == "calibration":
        # Frames of the right shape are what it takes, in any dtype of numbers.
        made_of = {label: made() for label, made in MAKERS.items()}
        arrays = {label: one for label, one in made_of.items() if type(one) in TENSORS}
        fits = {label for label, array in arrays.items() if tuple(array.shape) == (2, 5)}
    assert {label: answer for label, answer in answers.items() if answer == "works" and label not in fits} == {}
