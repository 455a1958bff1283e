"""A command in which one chosen system call on chosen paths fails, or never returns.

strace counts only the calls that touch the paths it is given, so that "the third write" means the third write to the
file under test, whatever the interpreter does beside it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Whatever can open, change, move, sync or look at a file; "?" because not every architecture has each.
_CALLS = (
    "openat creat read pread64 readv write pwrite64 writev fsync fdatasync sync_file_range close ftruncate fallocate "
    "rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat chmod fchmod fchmodat stat fstat newfstatat "
    "lstat statx getdents64 copy_file_range sendfile"
)
_TRACE = "trace=" + ",".join(f"?{name}" for name in _CALLS.split())
_LINE = re.compile(r"^\d+ +(\w+)\(", re.MULTILINE)


@dataclass(frozen=True)
class Point:
    """The `number`-th call (from 1) of one system call on the paths under test."""

    call: str
    number: int


@dataclass(frozen=True)
class Ended:
    """How the command ended: `code` as `subprocess` gives it, and whether the fault was reached."""

    code: int
    err: str
    log: str

    @property
    def reached(self) -> bool:
        """Whether the call was made to fail, or the signal sent."""
        return (
            "(INJECTED)" in self.log or re.search(r"^\d+ +(--- SIG(?!CHLD)|\+\+\+ killed)", self.log, re.M) is not None
        )


@cache
def missing() -> str:
    """Why strace cannot be used here; empty where it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    command = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()[:80]}" if tried.returncode else ""


def points(command: Sequence[str], paths: Sequence[Path]) -> list[Point]:
    """Every call that `command` makes on `paths` when nothing fails, in order."""
    ended = run(command, paths)
    assert ended.code == 0, ended.err
    seen: Counter[str] = Counter()
    found = []
    for call in _LINE.findall(ended.log):
        seen[call] += 1
        found.append(Point(call, seen[call]))
    assert found, "the command touched none of the paths"
    return found


def run(command: Sequence[str], paths: Sequence[Path], *faults: tuple[Point, str]) -> Ended:
    """Run `command`; each fault is a point and what happens there: "error=EIO" or "signal=SIGKILL"."""
    with tempfile.NamedTemporaryFile(mode="r", prefix="strace-") as log:
        options = [part for path in paths for part in ("-P", str(path))]
        for point, what in faults:
            options += ["-e", f"inject={point.call}:{what}:when={point.number}"]
        # Stops at the traced calls only, a third of the time; but strace sends no signal at the entry of a call then.
        quick = [] if any("signal=" in what for _, what in faults) else ["--seccomp-bpf"]
        line = ["strace", "-f", *quick, "-qq", "-y", "-s", "8", "-o", log.name, "-e", _TRACE, *options, *command]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
        return Ended(done.returncode, done.stderr, log.read())
