"""Where `--on` leads, and the ssh command that goes there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from urllib.parse import urlsplit

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

# Any Python can read this, and any shell passes it on.
_BOOTSTRAP = (
    "import sys; found = sys.version.split()[0]; "
    'sys.version_info < (3, 10) and sys.exit("expected Python 3.10 or newer, found " + found); '
    "exec(sys.stdin.buffer.read({size}))"
)


def check_target(target: str) -> str:
    """`target`, where it is `ssh://[user@]host[:port]`.

    Raises `InputError` where it is something else; also for a name that ssh could take for an option.
    """
    expected = "expected ssh://user@host or ssh://user@host:port"
    try:
        parts = urlsplit(target)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"{target}: {expected}, found something else ({error})") from error
    if parts.scheme != "ssh" or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"{target}: {expected}")
    if parts.password is not None:
        raise InputError(f"{target}: {expected}, found a password; use a key or an agent")
    if host.startswith("-") or (parts.username or "").startswith("-") or not re.fullmatch(r"[!-~]+", target):
        raise InputError(f"{target}: {expected}, found a name that no host or user has")
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
