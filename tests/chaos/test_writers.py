"""Whatever happens while a file is written, a reader finds the whole old one or the whole new one."""

from __future__ import annotations

import pytest
import strace
from matrix import FULL, check_all, orders
from shares import one_in
from writers import WRITERS

pytestmark = pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())

_SHORT = [("snapshot", "kill"), ("model", "EIO"), ("json", "ENOSPC")]
_FAULTS = ("kill", "EIO", "ENOSPC")
_BROKEN = [
    ("naive", "kill", "torn"),
    ("naive", "ENOSPC", "torn"),
    ("leaky", "EIO", "leaked"),
    ("littering", "EIO", "left behind"),
    ("deaf", "ENOSPC", "not told"),
]


@pytest.mark.parametrize(("name", "fault"), [(n, f) for n in WRITERS for f in _FAULTS] if FULL else _SHORT)
def test_a_file_is_the_old_one_or_the_new_one(name: str, fault: str) -> None:
    """After a kill or an error at any system call; an error ends in an InputError and leaves nothing behind."""
    assert check_all(name, fault) >= 5


@pytest.mark.parametrize("name", WRITERS if FULL else ["json"])
def test_a_second_error_while_tidying_up_changes_nothing(name: str) -> None:
    """Where the temporary file cannot be removed either, the first error is the one that is told."""
    assert check_all(name, "EIO", twice=True) >= 5


@pytest.mark.parametrize("fault", ["SIGINT", "SIGTERM"] if FULL else ["SIGTERM"])
def test_an_interruption_at_any_call_leaves_whole_lines(fault: str) -> None:
    """`rnnedge run` ends with the right code and one line; what was predicted so far is there, or the old file."""
    assert check_all("predictions", fault) >= 3


@pytest.mark.parametrize("name", WRITERS if FULL else ["snapshot"])
def test_bytes_reach_the_disk_before_the_name_does(name: str) -> None:
    """So that a power cut finds what a kill finds: write, sync, rename, sync of the folder."""
    assert set(orders(name)) == {"wsrf"}


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    _BROKEN if FULL else one_in(2, _BROKEN),
)
def test_a_broken_writer_is_seen(name: str, fault: str, words: str) -> None:
    """The checks above fail for a writer with that fault."""
    with pytest.raises(AssertionError, match=words):
        check_all(name, fault)


def test_a_writer_that_does_not_sync_is_seen() -> None:
    """The order above tells it from a careful one."""
    assert "wsrf" not in set(orders("unsynced"))
