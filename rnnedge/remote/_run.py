"""One benchmark there: one ssh connection that takes everything there and brings the report back."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from rnnedge.files.small import parse_json
from rnnedge.remote._bundle import LIBRARY, WORK, pack
from rnnedge.remote.destination import check_target, ssh_command
from rnnedge.report.read import check_report
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError, RemoteError

# Modules that the benchmark imports there, and the packages that bring them; rnnedge itself comes along.
NEEDS = {"numpy": "numpy", "onnxruntime": "onnxruntime", "typer": "typer"}
_PATIENCE_S = 5.0
_LOOK_S, _AT_ONCE = 0.5, 1 << 16
# Of what the other machine says: a report is some kilobytes, a line some letters.
_MOST_BYTES, _LONGEST_LINE = 1 << 24, 1 << 12
# Of ssh itself; the benchmark has no such exit code.
_SSH_FAILED = 255


@checked
def run_remote(
    target: str,
    file: str | os.PathLike[str],
    arguments: Sequence[str],
    *,
    python: str = "python3",
    needs: Mapping[str, str] = NEEDS,
    ssh_options: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Run `rnnedge bench FILE *arguments --json` on `target`; returns its report, with that machine's fingerprint.

    `target` is `ssh://user@host[:port]`; the user's ssh configuration, keys and agent are used, and nothing is asked.
    `ssh_options` go to `ssh -o`, before ours. `python` there is 3.10 or newer, and has the modules that `needs` names,
    each with the package that brings it; its path may be relative to the home of whoever logs in. `progress` gets each
    line of standard error from there as it comes, but for the closing line of an error, which becomes the message of
    the exception. Files and processes there are removed and ended in any case, also when this process is interrupted
    or killed.

    Raises:
        InputError: `target` is no such address.
        ModelRefused: `file` cannot be read here.
        RemoteError: the machine cannot be used (`exit_code` 7), or the benchmark failed there (`exit_code` is its own).
    """
    target = check_target(target)
    if shutil.which("ssh") is None:
        raise RemoteError(f"{target}: expected the command ssh on this machine, found none; install OpenSSH's client")
    name = Path(file).name
    parcel = pack(file)
    program = Path(__file__).with_name("agent.py").read_bytes()
    task = {
        "needs": dict(needs),
        "bytes": len(parcel),
        "library": LIBRARY,
        "work": WORK,
        "arguments": ["bench", *arguments, "--json", "--", name],
    }
    process = subprocess.Popen(
        ssh_command(target, python, ssh_options, len(program)),
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Ctrl-C is for us: ssh lives on until the other machine is tidy.
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        listener = _Listener(process.stderr, progress or (lambda _: None))
        try:
            data = program + json.dumps(task).encode() + b"\n" + parcel
            out = _exchange(process.stdin, process.stdout, data, target)
            code = process.wait()
            listener.join(_PATIENCE_S)
        except BaseException:
            listener.quiet = True
            raise
        finally:
            _hang_up(process)
    # What a login prints comes before the NUL.
    _, began, report = out.rpartition(b"\0")
    if not began or code:
        raise _failure(target, python, code, bool(began), listener.last)
    return _parse(target, report)


class _Listener(threading.Thread):
    """Passes on the lines of ssh's standard error as they come, until `quiet`; keeps the `last`.

    The line with which `rnnedge` closes an error is not passed on.
    """

    def __init__(self, stream: IO[bytes], tell: Callable[[str], None]) -> None:
        super().__init__(name="rnnedge-remote", daemon=True)
        self.last = ""
        self.quiet = False
        self._stream = stream
        self._tell = tell
        self.start()

    def run(self) -> None:
        """Until the stream ends."""
        while line := self._stream.readline(_LONGEST_LINE):
            words = line.decode("utf-8", errors="replace").strip()
            if not words:
                continue
            self.last = words
            closing = words.startswith("rnnedge: ") and not words.startswith("rnnedge: warning: ")
            if not (self.quiet or closing):
                self._tell(words)


def _exchange(given: IO[bytes], out: IO[bytes], data: bytes, target: str) -> bytes:
    """Everything that ssh says until its end, while it is given `data`, or as much of it as it takes.

    Awake now and then: a signal that comes just before a read that blocks would not be heard before that read ends,
    which may take a day. A machine that talks before it listens is heard meanwhile.
    Raises `RemoteError` for more than any report is long.
    """
    os.set_blocking(given.fileno(), False)
    rest, left = memoryview(data), _MOST_BYTES
    parts: list[bytes] = []
    while True:
        ready, free, _ = select.select([out], [given] if rest else [], [], _LOOK_S)
        if free:
            try:
                rest = rest[os.write(given.fileno(), rest[:_AT_ONCE]) :]
            except BlockingIOError:
                pass
            except BrokenPipeError:
                # Why it ended is told elsewhere.
                rest = rest[:0]
        if ready:
            part = out.read(_AT_ONCE)
            if not part:
                return b"".join(parts)
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise RemoteError(f"{target}: expected a report of at most {_MOST_BYTES:,} bytes, found more")


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    """The end of our data ends the benchmark there; wait until the other machine is tidy, but not forever."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failure(target: str, python: str, code: int, began: bool, last: str) -> RemoteError:
    words = last.removeprefix("rnnedge: ")
    # Below 0: somebody ended ssh on this machine.
    gone = code == _SSH_FAILED or code < 0
    if began and gone:
        return RemoteError(f"{target}: the connection was lost during the run ({words}); run it again")
    if gone:
        return RemoteError(f"{target}: cannot be reached ({words}); expected `ssh {target} true` to ask for nothing")
    if not began and code in (126, 127):
        return RemoteError(f"{target}: expected Python there as {python} ({words}); name another with --remote-python")
    if not began:
        return RemoteError(f"{target}: {words or 'Python ended at once'}; or name another one with --remote-python")
    if code > 128:
        return RemoteError(f"{target}: the benchmark was ended there by signal {code - 128} ({words})", code)
    return RemoteError(f"{target}: {words or f'the benchmark ended with exit code {code}'}", code)


def _parse(target: str, report: bytes) -> dict[str, Any]:
    try:
        found = parse_json(report.decode())
    except ValueError as error:
        raise RemoteError(f"{target}: expected a report in JSON, found {report[:80]!r}") from error
    try:
        check_report(found, target)
    except InputError as error:
        raise RemoteError(str(error)) from error
    return dict(found)
