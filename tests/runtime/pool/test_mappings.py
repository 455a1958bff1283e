"""Frames by member, in a dict of somebody else's making."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import InputError
from rnnedge_runtime.pool import Member
from rnnedge_runtime.sample import sample_frames


class _Members(Mapping[Member, Any]):
    """Two members with frames, and one way of raising."""

    def __init__(self, members: list[Member], frames: Any, fault: str) -> None:
        self._members, self._frames, self._fault = members, frames, fault

    def __iter__(self) -> Iterator[Any]:
        yield self._members[0]
        if self._fault == "iter":
            raise OSError("gone")
        yield [] if self._fault == "key" else self._members[1]

    def __getitem__(self, member: Member) -> Any:
        if self._fault == "get" and member is self._members[1]:
            raise LookupError
        return self._frames

    def __len__(self) -> int:
        return 2


def test_a_mapping_that_raises_is_bad_input(native: Exported) -> None:
    """Whatever it raises, and wherever; one that does not is taken as a dict is."""
    pool = native.model.pool(2)
    members = [pool.join(), pool.join()]
    frames = sample_frames(native.model.contract, 3, 0)
    expected = pool.push(dict.fromkeys(members, frames))
    for member in members:
        pool.reset(member)
    for fault in ("iter", "key", "get"):
        with pytest.raises(InputError, match=r"^pool: push: cannot be read"):
            pool.push(_Members(members, frames, fault))
        assert [pool.frames(member) for member in members] == [0, 0]
    found = pool.push(_Members(members, frames, ""))
    assert all(np.array_equal(found[member], expected[member]) for member in members)


def test_a_dict_that_changes_while_it_is_pushed_is_as_it_was(native: Exported) -> None:
    """Frames of somebody else's making may change it as they are read."""
    pool = native.model.pool(2)
    members, frames = [pool.join(), pool.join()], sample_frames(native.model.contract, 3, 0)
    given: dict[Any, Any] = {}

    class Changing:
        """Frames."""

        def __array__(self, *_: Any, **__: Any) -> Any:
            given.clear()
            return frames

    given.update(dict.fromkeys(members, Changing()))
    found = pool.push(given)
    assert [*found] == members and [pool.frames(member) for member in members] == [3, 3]
