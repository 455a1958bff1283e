"""The page of verbs and options is what the command line says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rnnedge.cli._app import VERBS

ROOT = Path(__file__).parents[2]


def test_the_page_of_verbs_and_options_is_up_to_date() -> None:
    """`make docs` writes it; an option that is not on it fails here."""
    command = [sys.executable, str(ROOT / ".ci" / "write_cli_page.py")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run make docs"
    assert done.stdout.count("\n## ") == len(VERBS) and "| `--signed-as TEXT` |" in done.stdout
