"""Whatever is handed to a function of the runtime, it answers with an error of ours, and nothing has changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import runtime_doors
from check_junk import check_junk
from door import Door, public_calls
from exported import export_network
from in_one_test import in_one_test
from junk import MAKERS

import rnnedge_runtime

NAMES = sorted(
    {
        name
        for name in public_calls(rnnedge_runtime)
        if not name.endswith(".__init__") or name == "StateMonitor.__init__"
    }
)
SPECIAL = ["StreamPool.push of a member", "StreamPool.push of one", "load of bytes"]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Door]]:
    """Every door of the runtime."""
    folder = tmp_path_factory.mktemp("doors")
    file = export_network("gru-2", "native", folder)
    kept = folder / "kept"
    kept.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # A short text is a good path: what is written there is not written into the user's folder.
        patch.chdir(kept)
        yield runtime_doors.runtime_doors(file.path, kept)


def test_every_public_call_has_a_door(doors: dict[str, Door]) -> None:
    """A new function, or a new method, without an entry here is not proven against junk."""
    made_by_us = {f"{name}.__init__" for name in runtime_doors.RECORDS | runtime_doors.MADE_FOR_US}
    calls = set(public_calls(rnnedge_runtime)) - made_by_us
    assert calls == set(NAMES) and set(doors) == {*NAMES, *SPECIAL}
    for name in NAMES:
        assert doors[name].arguments(), name


@in_one_test("name", [*NAMES, *SPECIAL])
def test_a_right_call_works(doors: dict[str, Door], name: str) -> None:
    """So that a door which refuses everything is none."""
    assert doors[name].try_with({}) == "works"


@pytest.mark.parametrize("name", [*NAMES, *SPECIAL])
def test_junk_is_an_error_of_ours(doors: dict[str, Door], name: str) -> None:
    """In any argument, in several at once; what the call works on stands where it stood."""
    check_junk(doors[name], "error")


@in_one_test(
    "name",
    [
        "Stream.push",
        "Model.run",
        "StreamPool.push of one",
        "StreamPool.push of a member",
        "Batcher.push",
        "Stream.restore",
    ],
)
def test_each_kind_of_junk_is_refused_as_frames(doors: dict[str, Door], name: str) -> None:
    """Every one of them, and by an `InputError`; only a tensor or a view of the right numbers would pass."""
    door = doors[name]
    argument = "data" if name == "Stream.restore" else "frames"
    answers = {label: door.try_with({argument: made()}) for label, made in MAKERS.items()}
    assert {label: answer for label, answer in answers.items() if answer != "InputError"} == {}


def test_the_check_can_fail() -> None:
    """A function that lets numpy answer, and one that forgets what it held, are found."""
    held = [1]

    def forgets(frames: object) -> None:
        held.clear()
        raise rnnedge_runtime.InputError("no")

    with pytest.raises(AttributeError):
        Door(lambda frames: frames.shape).try_with({"frames": None})
    with pytest.raises(AssertionError):
        Door(forgets, state=lambda: list(held)).try_with({"frames": None})
