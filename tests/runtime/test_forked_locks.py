"""A child that is forked while another thread loads a file, or makes a stream, may do so too: no lock is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from exported import Exported

FORKING = """
import os, sys, threading, time
import numpy as np
import rnnedge_runtime as r
from rnnedge_runtime import _exclusive, _watchdog
from rnnedge_runtime.engines import _file_options
from rnnedge_runtime.engines.native import _memory_library
from rnnedge_runtime.untrusted import _arena
path = sys.argv[1]
locks = [_exclusive._looking, _watchdog.watchdog._lock, _file_options._lock, _memory_library._lock, _arena._lock]
stream = r.load(path).stream(time_limit_s=60)
taken, done = threading.Event(), threading.Event()

def hold():
    for lock in locks:
        lock.acquire()
    taken.set()
    done.wait()
    for lock in locks:
        lock.release()

threading.Thread(target=hold).start()
taken.wait()
child = os.fork()
if child == 0:
    own = r.load(path, trust="strict").stream(time_limit_s=60)
    try:
        own.push("nothing")
    except r.InputError:
        pass
    assert own.push(np.ones((1, 5), np.float32)).shape == (1, 3)
    assert _watchdog.watchdog.running
    assert not any(lock.acquire(blocking=False) is False for lock in (_memory_library._lock, _arena._lock))
    os._exit(0)
found = 0
for _ in range(400):
    found, status = os.waitpid(child, os.WNOHANG)
    if found:
        break
    time.sleep(0.05)
done.set()
if not found:
    os.kill(child, 9)
    sys.exit("the child hangs")
assert os.waitstatus_to_exitcode(status) == 0, status
stream.push(np.ones((1, 5), np.float32))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_waits_for_no_thread_of_its_parent(native: Exported, tmp_path: Path) -> None:
    """Whatever lock of the process that had taken."""
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(native.path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
