"""A block for a thread with deadlines: what is set, what the system refuses, and that all of it is put back."""

from __future__ import annotations

import gc
import os
import subprocess
import sys

import pytest

from rnnedge_runtime import InputError, realtime

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")

# In a process of its own, whose memory is small enough to be locked.
_CHILD = """
import gc, os, re
from rnnedge_runtime import realtime
def locked(): return int(re.search(r"VmLck:\\s+(\\d+)", open("/proc/self/status").read())[1])
def stands():
    return locked() > 0, gc.isenabled(), gc.get_freeze_count() > 0, os.sched_getaffinity(0), os.sched_getscheduler(0)
before, core = stands(), max(os.sched_getaffinity(0))
try:
    with realtime(core=core, priority=10) as set_:
        inside = stands()
        assert inside[0] == ("memory" in set_.kept), set_
        assert inside[1:3] == (False, True) and {"collector", "core"} <= set(set_.kept), set_
        assert inside[3] == {core}
        assert (inside[4] == os.SCHED_FIFO) == ("priority" in set_.kept), set_
        assert set(set_.kept) | set(set_.refused) == {"memory", "collector", "denormals", "timer", "core", "priority"}
        assert all(name in str(set_) for name in (*set_.kept, *set_.refused))
        raise KeyError
except KeyError:
    pass
assert stands() == before, (stands(), before)
print("fine")
"""


def test_everything_is_put_back() -> None:
    """Also after an exception; what could not be set is named with the system's reason."""
    done = subprocess.run([sys.executable, "-c", _CHILD], capture_output=True, text=True, timeout=60)
    assert done.stdout == "fine\n", done.stderr


def test_what_the_system_refuses_is_told_and_nothing_else_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the right to set priorities, and for a core that the machine does not have."""

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refused)
    monkeypatch.setattr("rnnedge_runtime._realtime._memory", refused)
    with realtime(core=100_000, priority=50) as found:
        assert not gc.isenabled()
    assert gc.isenabled()
    assert found.refused["priority"] == "Operation not permitted" and "core" in found.refused


def test_numbers_out_of_range_are_refused_before_anything_is_set() -> None:
    """A priority of 0 or 100, a core below 0."""
    for options in ({"priority": 0}, {"priority": 100}, {"core": -1}):
        with pytest.raises(InputError, match=f"realtime: {next(iter(options))}"):
            realtime(**options)
    assert gc.isenabled()
