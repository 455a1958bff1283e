"""Ctrl-C and SIGTERM at any moment: the right exit code, one line, whole output, soon."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from matrix import FULL
from moments import COMMANDS, Command, interrupt
from shares import one_in

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="/proc says when a process listens")

# Of the long version: two hundred moments for each signal.
_COUNTS = {"run": 80, "bench": 50, "verify": 50, "page": 20} if FULL else {"run": 3, "bench": 1, "verify": 1}
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Each signal in turn.
_EVERY = [(name, number) for k, name in enumerate(_COUNTS) for number in (_SIGNALS, _SIGNALS[::-1])[k % 2]]


@pytest.mark.parametrize(("name", "number"), _EVERY if FULL else one_in(2, _EVERY))
def test_a_signal_ends_a_command_well(name: str, number: signal.Signals, tmp_path: Path) -> None:
    """Exit code 130 or 143, or 0 where it had finished; no traceback; files whole or as they were."""
    tally = interrupt(COMMANDS[name], number, tmp_path, _COUNTS[name], seed=number)
    print(f"{name}, {number.name}: {tally}")  # noqa: T201 - the long version's result
    assert not FULL or (tally.interrupted and not tally.late), tally


_LISTEN = """
import os, signal, sys, time
def heard(number, frame):
    {}
    print("rnnedge: interrupted", file=sys.stderr)
    os._exit(128 + number)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, heard)
time.sleep(20)
"""


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("time.sleep(6)", "too slow"),
        ("os._exit(1)", "wrong code"),
        ("raise KeyboardInterrupt", "wrong code|wrong end|one line"),
        ("print('Traceback', file=sys.stderr)", "one line"),
        ("open('out.csv', 'w').write('frame,time_s,label,score\\\\n0,0.0,noi')", "torn"),
    ],
)
def test_a_command_that_ends_badly_is_seen(flaw: str, words: str, tmp_path: Path) -> None:
    """The check above fails for a program with that flaw."""
    known = COMMANDS["run"]
    program = Command([sys.executable, "-c", _LISTEN.format(flaw)], known.prepare, known.check)
    with pytest.raises(AssertionError, match=words):
        interrupt(program, signal.SIGTERM, tmp_path, 10, seed=0, lasts_s=1.5)
