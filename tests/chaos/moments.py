"""A command that gets a signal at a random moment, and how it has to end."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from writers import GOLDEN, read_lines

_ROWS = 20_000
_PROMISED_S = 1.0
# Tests share their cores with others: an end may take so many times what the whole command takes undisturbed, on the
# same machine. The long version counts who kept the promise.
_ALLOWED = 3


@dataclass(frozen=True)
class Command:
    """`line` is run in a folder that `prepare` filled; `check` raises where its output is neither whole nor absent.

    `check` gets the folder, standard output, and whether the command says that it finished.
    """

    line: Sequence[str]
    prepare: Callable[[Path], None]
    check: Callable[[Path, str, bool], None]


@dataclass
class Tally:
    """How many signals came before the command listened, while it worked, and after it had finished.

    `late`: how many commands needed more than a second to end.
    """

    before: int = 0
    interrupted: int = 0
    finished: int = 0
    late: int = 0
    slowest_s: float = 0.0


def _rnnedge(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rnnedge", *arguments]


def _nothing(folder: Path) -> None:
    """No file is needed."""


def _recording(folder: Path) -> None:
    rows = random.Random(0)
    text = "".join(f"{rows.random()},{rows.random()},0,1\n" for _ in range(100))
    (folder / "in.csv").write_text(text * (_ROWS // 100))
    (folder / "out.csv").write_text("frame,time_s,label,score\n0,0.0,noise,0.5\n")


def _check_predictions(folder: Path, out: str, finished: bool) -> None:
    assert {path.name for path in folder.iterdir()} == {"in.csv", "out.csv"} and not out
    assert read_lines(folder / "out.csv") == _ROWS or not finished


def _check_json(folder: Path, out: str, finished: bool) -> None:
    assert not list(folder.iterdir())
    if out or finished:
        assert json.loads(out)["schema"] in ("rnnedge.bench", "rnnedge.verify")


def _check_page(folder: Path, out: str, finished: bool) -> None:
    assert {path.name for path in folder.iterdir()} <= {"page.html"}
    page = folder / "page.html"
    assert page.read_text().rstrip().endswith("</html>") if page.exists() else not finished


COMMANDS = {
    "run": Command(_rnnedge("run", str(GOLDEN), "in.csv", "-o", "out.csv"), _recording, _check_predictions),
    "bench": Command(
        _rnnedge("bench", str(GOLDEN), "--pushes", "10000", "--seconds", "0.5", "--processes", "2", "--json"),
        _nothing,
        _check_json,
    ),
    "verify": Command(_rnnedge("verify", str(GOLDEN), "--json"), _nothing, _check_json),
    "page": Command(
        _rnnedge("bench", str(GOLDEN), "--seconds", "0.2", "--processes", "1", "--html", "page.html"),
        _nothing,
        _check_page,
    ),
}


# What a benchmark says of a machine that is busy, as one is that runs tests, and of the page that it wrote.
_TOLD_AT_THE_END = ("rnnedge: warning: not stable: ", "report: ")


def interrupt(
    command: Command, number: signal.Signals, folder: Path, count: int, seed: int, lasts_s: float = 0.0
) -> Tally:
    """Run `command` `count` times and send `number` at a random moment of each; the moments come from `seed`.

    They lie between the start and `lasts_s`, or where that is 0 the end of a command that nothing disturbs.

    A moment counts as one of the command as soon as the process hears SIGTERM; before, Python itself is starting and
    ends as Python does. Raises `AssertionError` for the first end that is not as it has to be.
    """
    lasts = lasts_s or _run(command, folder / "undisturbed", None, 0.0)[-1]
    rng, tally, allowed_s = random.Random(seed), Tally(), _ALLOWED * lasts
    for index in range(count):
        moment = rng.uniform(0, lasts)
        place = folder / str(index)
        heard, code, words, out, took_s = _run(command, place, number, moment)
        err = "".join(line for line in words.splitlines(keepends=True) if not line.startswith(_TOLD_AT_THE_END))
        name = (
            f"{number.name} after {moment:.3f} of {lasts:.3f} s: code {code}, {took_s:.2f} s, {err.strip()[-1000:]!r}"
        )
        assert took_s < allowed_s, f"{name}: too slow"
        tally.slowest_s = max(tally.slowest_s, took_s)
        tally.late += took_s > _PROMISED_S
        if not heard and code not in (0, 128 + number):
            tally.before += 1
            # 1 is Python's own for Ctrl-C while it imports `site`.
            assert code in (-number, 1) and not out, f"{name}: wrong end of a start"
        elif code:
            tally.interrupted += 1
            assert code == 128 + number, f"{name}: wrong code"
            assert err == "rnnedge: interrupted\n", f"{name}: expected one line"
        else:
            tally.finished += 1
            # The machine was slower when `lasts` was measured.
            lasts = max(0.9 * lasts, 0.2)
            assert not err, f"{name}: expected no line"
        try:
            command.check(place, out, code == 0)
        except (AssertionError, ValueError, OSError) as error:
            raise AssertionError(f"{name}: output is torn: {error!r}") from error
    return tally


def _run(
    command: Command, folder: Path, number: signal.Signals | None, moment: float
) -> tuple[bool, int, str, str, float]:
    """Whether the signal was heard, exit code, stderr, stdout, seconds from the signal to the end."""
    folder.mkdir()
    command.prepare(folder)
    with subprocess.Popen(
        command.line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    ) as process:
        heard = False
        if number is not None:
            time.sleep(moment)
            heard = _hears(process.pid)
            process.send_signal(number)
        begun = time.monotonic()
        out, err = process.communicate(timeout=120)
        return heard, process.returncode, err, out, time.monotonic() - begun


def _hears(pid: int) -> bool:
    """Whether the process has a handler of its own for SIGTERM."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
