"""One table of exit codes: the page, the errors and the command line say the same."""

from __future__ import annotations

import re
from pathlib import Path

from rnnedge import cli
from rnnedge_runtime import errors

DOCS = Path(__file__).parents[2] / "docs"
# What no error stands for: a right end, a defect, a mistake of usage, and the two signals.
OTHERS = {0, 1, 2, 130, 143}


def of_errors() -> set[int]:
    """The code of every error that there is."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RnnEdgeError)]
    return {one.exit_code for one in classes}


def test_the_page_has_every_code() -> None:
    """And no other; each once."""
    text = (DOCS / "command-line.md").read_text(encoding="utf-8").partition("## Exit codes")[2]
    found = [int(code) for cell in re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE) for code in cell.split(",")]
    assert sorted(found) == sorted(of_errors() | OTHERS)


def test_the_command_line_names_them() -> None:
    """In its own words."""
    assert {int(code) for code in re.findall(r"\b(\d+) ", str(cli.__doc__))} >= of_errors() | (OTHERS - {143})


def test_the_tree_of_errors_has_their_codes() -> None:
    """Each error with the code that it ends the command line with."""
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    for name, code in re.findall(r"(\w+)\([\w, ]+\) +(\d+) ", text):
        assert getattr(errors, name).exit_code == int(code), name
