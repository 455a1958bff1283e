"""A real sshd on the loopback, with keys of its own, which stands for another machine."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STARTS_S = 60.0


@dataclass(frozen=True)
class Sshd:
    """A server that runs; `options` let ssh in, and `scratch` is where programs there keep temporary files."""

    port: int
    pid: int
    scratch: Path
    options: tuple[str, ...]

    @property
    def target(self) -> str:
        """As `--on` takes it."""
        return f"ssh://{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{self.port}"

    def traces(self) -> list[str]:
        """What is left there: files and folders of the scratch folder, and processes that work in it."""
        files = [path.name for path in self.scratch.iterdir()]
        return files + [f"process {pid}" for pid in self.working()]

    def working(self) -> list[int]:
        """Processes whose working folder lies in `scratch`."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(self.scratch):
                    found.append(int(entry.name))
        return found

    def drop(self) -> None:
        """End every session from the server's side, as a machine does that goes down; programs there are not told."""
        for pid in _descendants(self.pid):
            with contextlib.suppress(OSError):
                if (Path("/proc") / str(pid) / "comm").read_text().startswith("sshd"):
                    os.kill(pid, signal.SIGKILL)


def script(path: Path, body: str) -> str:
    """A shell script that stands for Python there; `$PYTHON` is the real one."""
    path.write_text(f"#!/bin/sh\nPYTHON='{sys.executable}'\n{body}\n")
    path.chmod(0o755)
    return str(path)


def missing() -> str:
    """Why no server can be started here; empty where one can."""
    if not Path("/proc/self/cwd").exists():
        return "/proc says what runs there"
    lacking = [name for name in ("sshd", "ssh", "ssh-keygen") if _command(name) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Sshd]:
    """A server that works in `folder`, until the block ends; raises `AssertionError` where it does not start."""
    if os.getuid() == 0:
        # Its own wish: a folder for the part that runs without privileges.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
    scratch = folder / "scratch"
    scratch.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "user.pub",
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PermitUserEnvironment": "no",
        "SetEnv": f"TMPDIR={scratch} XDG_STATE_HOME={folder / 'state'}",
    }
    (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in config.items()))
    key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
    options = (
        f"IdentityFile={folder / 'user'}",
        "IdentitiesOnly=yes",
        f"UserKnownHostsFile={folder / 'known_hosts'}",
        "GlobalKnownHostsFile=none",
        "StrictHostKeyChecking=yes",
    )
    log = folder / "log"
    with log.open("wb") as words:
        # sshd insists on being called by its whole path.
        command = [str(_command("sshd")), "-D", "-e", "-f", str(folder / "sshd_config")]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=words)
    try:
        _wait_until_open(port, server, log)
        yield Sshd(port, server.pid, scratch, options)
    finally:
        server.terminate()
        server.wait()


def _command(name: str) -> str | None:
    return shutil.which(
        name, path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"))
    )


def _wait_until_open(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _STARTS_S
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")


def _descendants(pid: int) -> list[int]:
    """Children first, then theirs."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for child in map(int, (Path("/proc") / str(pid) / "task" / str(pid) / "children").read_text().split()):
            found += [child, *_descendants(child)]
    return found
