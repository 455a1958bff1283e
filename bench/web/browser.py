"""A page of a folder in a headless Chromium, and what it posts."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import tempfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run")
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_TIMEOUT_S = 300


def posted(folder: Path, page: str) -> Any:
    """What the page sends to `result`, as JSON data."""
    browser = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("needs Chromium (Debian: apt-get install chromium)")
    answers: queue.Queue[bytes] = queue.Queue()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, answers, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [browser, *_FLAGS, f"--user-data-dir={profile}", f"http://127.0.0.1:{server.server_port}/{page}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return json.loads(answers.get(timeout=_TIMEOUT_S))
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()
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
