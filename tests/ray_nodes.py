"""A cluster of Ray with two nodes of a core each, each in a session of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PATIENCE_S = 90


class Cluster:
    """Two nodes; `address` is what a client connects to."""

    def __init__(self, folder: str) -> None:
        self._environment = {
            **os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "OMP_NUM_THREADS": "1"
        }  # fmt: skip
        self._started: list[subprocess.Popen[bytes]] = []
        client, head = _free_port(), _free_port()
        self.address = f"ray://127.0.0.1:{client}"
        more = ("--head", f"--port={head}", f"--ray-client-server-port={client}", "--include-dashboard=false")
        self._start(folder, *more, f"--temp-dir={folder}", "--disable-usage-stats")
        self._wait_for(client)
        self._start(folder, f"--address=127.0.0.1:{head}")
        while not any("raylet/raylet" in name for name in self.processes(1).values()):
            time.sleep(0.1)

    def processes(self, node: int | None = None) -> dict[int, str]:
        """Command lines by process id; of the head (0), of the other node (1), or of both."""
        sessions = {one.pid for number, one in enumerate(self._started) if node in (None, number)}
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getsid(int(folder.name)) in sessions:
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return {one: name for one, name in found.items() if name}

    def kill(self, *ids: int) -> None:
        """At once, with SIGKILL."""
        for one in ids:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)

    def end(self) -> None:
        """All processes of both nodes."""
        while found := {*self.processes()}:
            self.kill(*found)
            time.sleep(0.05)
        for one in self._started:
            one.wait()

    def _start(self, folder: str, *options: str) -> None:
        script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
        command = [sys.executable, "-c", script, "start", "--block", "--num-cpus=1", "--node-ip-address=127.0.0.1"]
        with (Path(folder) / "started.log").open("ab") as log:
            self._started.append(
                subprocess.Popen(
                    [*command, *options, "--object-store-memory=100000000"],
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                )
            )

    def _wait_for(self, port: int) -> None:
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                assert time.monotonic() < end and self._started[0].poll() is None, "the head did not start"
                time.sleep(0.1)


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """Both up, on the loopback interface."""
    # Sockets have a short path.
    with tempfile.TemporaryDirectory(prefix="r", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(folder)
        try:
            yield cluster
        finally:
            cluster.end()


def _free_port() -> int:
    """Above those that Ray gives to workers."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as free:
            if (port := int(free.getsockname()[1])) >= 20_000:
                return port
