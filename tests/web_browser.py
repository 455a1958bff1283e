"""A headless Chromium that opens one page of a folder, and what that page posts."""

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

import pytest

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_AUDIO = ("--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream")


def chromium() -> str:
    """Its command; the test is skipped where there is none."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if not found:
        pytest.skip("needs Chromium")
    return found


def dumped(folder: Path, page: str) -> str:
    """The page's text once everything has loaded."""
    with _served(folder, queue.Queue()) as base, tempfile.TemporaryDirectory() as profile:
        flags = [*_FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom"]
        done = subprocess.run([chromium(), *flags, f"{base}/{page}"], capture_output=True, text=True, timeout=120)
    return done.stdout


def posted(folder: Path, page: str, *flags: str) -> Any:
    """What the page sends to `result`, as JSON data."""
    answers: queue.Queue[bytes] = queue.Queue()
    with _served(folder, answers) as base, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [chromium(), *_FLAGS, *_AUDIO, f"--user-data-dir={profile}", *flags, f"{base}/{page}"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return json.loads(answers.get(timeout=120))
        finally:
            browser.terminate()
            browser.wait(30)


@contextmanager
def _served(folder: Path, answers: queue.Queue[bytes]) -> Iterator[str]:
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

    def log_message(self, *_: Any) -> None:
        """Nothing: the test says what went wrong."""
