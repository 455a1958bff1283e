"""The page of verbs and options is what the command line says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from rnnedge.cli._app import VERBS, app

ROOT = Path(__file__).parents[2]


def test_the_page_of_verbs_and_options_is_up_to_date() -> None:
    """`make docs` writes it; an option that is not on it fails here."""
    command = [sys.executable, str(ROOT / ".ci" / "write_cli_page.py")]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout == (ROOT / "docs" / "cli.md").read_text(encoding="utf-8"), "run make docs"
    assert done.stdout.count("\n## ") == len(VERBS) and "| `--signed-as TEXT` |" in done.stdout


@pytest.mark.parametrize("verb", list(VERBS), ids=lambda verb: verb.__name__.split(".")[-1])
def test_a_terminal_shows_the_help_of_every_option_as_it_is_written(verb: ModuleType) -> None:
    """What draws it takes :words: for a picture and [words] for a style."""
    command = get_command(app).commands[verb.__name__.split(".")[-1]]  # type: ignore[attr-defined]
    shown = CliRunner().invoke(app, [command.name, "--help"], env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).output
    words = " ".join(re.sub(r"[│╭╮╰╯─•]", " ", shown).split())
    for option in command.params:
        if option.help and not option.hidden:
            assert " ".join(option.help.split()) in words, option.name
