"""`exec:notify --quiet`: a JSON object a line on the standard input of a command, which is started once."""

from __future__ import annotations

import os
import select
import shlex
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rnnedge.live.protocol import PATIENCE_S, Address
from rnnedge.live.sinks.rows import json_line
from rnnedge_runtime.errors import InputError


class CommandSink:
    """One process; made by `open_sink`. One that reads nothing for ten seconds, or ends, takes no more."""

    def __init__(self, address: Address) -> None:
        """The words are those of a shell, but no shell runs them. Raises `InputError` if there is no such command."""
        self._name = address.text
        try:
            words = shlex.split(address.text.partition(":")[2])
            if not words:
                raise ValueError("expected exec:COMMAND, found no command")
            # Ctrl-C ends this program alone: the command then reads what is left, and its input ends.
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{self._name}: cannot be started ({reason})") from error
        assert self._process.stdin is not None
        self._pipe = self._process.stdin.fileno()
        # Windows has no waiting for a pipe: there one that reads nothing is waited for.
        self._waits = os.name != "nt"
        if self._waits:
            os.set_blocking(self._pipe, False)

    def send(self, row: Mapping[str, Any]) -> None:
        """One line."""
        data = json_line(row).encode()
        try:
            while data:
                if self._waits and not select.select([], [self._pipe], [], PATIENCE_S)[1]:
                    raise InputError(f"{self._name}: has read nothing for {PATIENCE_S:g} s")
                data = data[os.write(self._pipe, data) :]
        except OSError as error:
            raise InputError(f"{self._name}: takes no more ({error.strerror or error})") from error

    def close(self) -> None:
        """The command ends when it has read all. Raises `InputError` if it fails, or does not end."""
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        try:
            code = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise InputError(f"{self._name}: did not end within {PATIENCE_S:g} s of the last row; killed") from None
        if code:
            raise InputError(f"{self._name}: ended with exit code {code}")
