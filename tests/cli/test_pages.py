"""What README and docs show: it is short, its Python runs, and its commands have the verbs and options that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test
from typer.main import get_command

from rnnedge.cli._app import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("docs/tasks/*.md"))]


def commands(text: str) -> Iterator[list[str]]:
    """The words after `$ rnnedge` of every line that shows a command, up to a pipe or a comment."""
    for line in re.findall(r"^\$ rnnedge (.*)$", text.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line.replace("|", " | "), comments=True)
        ends = [words.index(sign) for sign in ("|", ">", "&&", "then") if sign in words]
        yield words[: min(ends, default=len(words))]


def unknown(words: list[str]) -> list[str]:
    """What of a command does not exist: its verb, or options of it."""
    verbs = get_command(app).commands  # type: ignore[attr-defined]
    if words[0].startswith("-"):
        return []
    if words[0] not in verbs:
        return [words[0]]
    known = {"--help", "--debug", "-h", *(name for param in verbs[words[0]].params for name in param.opts)}
    return [word for word in words[1:] if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known]


def test_the_readme_is_read_in_a_minute() -> None:
    """At most 600 words, marks and numbers of the table among them, one picture, ten lines of Python."""
    text = README.read_text(encoding="utf-8")
    assert len(text.split()) <= 600
    assert text.count("](docs/assets/") == 1
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in snippet.splitlines() if line.strip()]) <= 10


def test_the_readme_s_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is written, with frames for the microphone."""
    monkeypatch.chdir(tmp_path)
    (snippet,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    frames = np.random.default_rng(0).standard_normal((20, 40)).astype(np.float32)
    names: dict[str, object] = {"microphone": np.split(frames, 4), "print": lambda *_: None}
    exec(compile(snippet, "README.md", "exec"), names)
    assert (tmp_path / "gru.onnx").is_file() and "last" in names


@in_one_test("page", PAGES)
def test_commands_on_pages_exist(page: Path) -> None:
    """Verbs and options are spelled as the command line has them."""
    for words in commands(page.read_text(encoding="utf-8")):
        assert unknown(words) == [], words


def test_a_command_that_does_not_exist_is_seen() -> None:
    """So the test above can fail; what follows a pipe is another program's."""
    assert list(map(unknown, commands("$ rnnedge run a b --fast | head -n 1\n$ rnnedge rum a   # why"))) == [
        ["--fast"],
        ["rum"],
    ]
