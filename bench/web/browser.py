"""A page of a folder in a headless Chromium, and what it posts."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT_S = 300


def chromium() -> str | None:
    """Its command, None where there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def posted(folder: Path, page: str, *flags: str) -> Any:
    """What the page sends to `result`, as JSON data."""
    browser = chromium()
    if browser is None:
        raise SystemExit("needs Chromium (Debian: apt-get install chromium)")
    answers: queue.Queue[bytes] = queue.Queue()
    with served(folder, answers) as base, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *flags, f"{base}/{page}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return json.loads(answers.get(timeout=_TIMEOUT_S))
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def served(folder: Path, answers: queue.Queue[bytes]) -> Iterator[str]:
    """The address of the folder; what is posted there goes to `answers`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, answers, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    extensions_map: ClassVar[dict[str, str]] = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".js": "text/javascript",
    }

    def __init__(self, answers: queue.Queue[bytes], *given: Any, **options: Any) -> None:
        self._answers = answers
        super().__init__(*given, **options)

    def do_POST(self) -> None:
        self._answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
