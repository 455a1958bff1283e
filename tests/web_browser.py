"""A headless Chromium that opens one page of a folder, and what that page posts."""

from __future__ import annotations

import queue
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bench.web import browser

_AUDIO = ("--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream")


def chromium() -> str:
    """Its command; the test is skipped where there is none."""
    found = browser.chromium()
    if found is None:
        pytest.skip("needs Chromium")
    return found


def dumped(folder: Path, page: str) -> str:
    """The page's text once everything has loaded."""
    with browser.served(folder, queue.Queue()) as base, tempfile.TemporaryDirectory() as profile:
        flags = [*browser.FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=10000", "--dump-dom"]
        done = subprocess.run([chromium(), *flags, f"{base}/{page}"], capture_output=True, text=True, timeout=120)
    return done.stdout


def posted(folder: Path, page: str, *flags: str) -> Any:
    """What the page sends to `result`, as JSON data."""
    chromium()
    return browser.posted(folder, page, *_AUDIO, *flags)
