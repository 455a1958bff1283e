"""Where `--on` leads, and the ssh command that goes there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote

from rnnedge_runtime.errors import InputError

# Options of the user come first, and the first of a name counts. The connection is ours alone, so that its end is the
# end of the run: an open one is used, none is left open.
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=15",
    "ControlMaster=no",
    "RemoteCommand=none",
    "RequestTTY=no",
)

_ADDRESS = re.compile(
    r"ssh://(?:[A-Za-z0-9_][A-Za-z0-9_.+-]*@)?"
    r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)

# Any Python can read this, and any shell passes it on.
_BOOTSTRAP = (
    "import sys; found = sys.version.split()[0]; "
    'sys.version_info < (3, 10) and sys.exit("expected Python 3.10 or newer, found " + found); '
    "exec(sys.stdin.buffer.read({size}))"
)


def check_target(target: str) -> str:
    """`target`, where it is `ssh://[user@]host[:port]`, of letters and digits and the signs that names have.

    Raises `InputError` where it is something else: ssh may put user and host into a command of the shell, and takes
    what begins with a dash for an option.
    """
    expected = "expected ssh://user@host or ssh://user@host:port"
    found = _ADDRESS.fullmatch(target)
    if found is None:
        if re.match(r"ssh://[^/@]*:[^/@]*@", target):
            raise InputError(f"{target}: {expected}, found a password; use a key or an agent")
        raise InputError(f"{target}: {expected}, of letters, digits, dots, dashes and underscores")
    if found["port"] and not 1 <= int(found["port"]) <= 65535:
        raise InputError(f"{target}: {expected}, found a port that is none of 1 to 65535")
    return target.rstrip("/")


def ssh_command(target: str, python: str, ssh_options: Sequence[str], program_bytes: int) -> list[str]:
    """What runs `python` there; it reads a program of `program_bytes` bytes from standard input and executes it."""
    # The shell there expands no ~ in quotes, but a session begins in that very folder.
    interpreter = python.removeprefix("~/")
    if interpreter != python:
        interpreter = f"./{interpreter}"
    options = [f"-o{option}" for option in (*ssh_options, *_OPTIONS)]
    remote = f"{quote(interpreter)} -c {quote(_BOOTSTRAP.format(size=program_bytes))}"
    return ["ssh", *options, "--", target, remote]
