"""What README and docs show: it is short, its Python runs, and its commands have the verbs and options that exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from in_one_test import in_one_test

import rnnedge_export
import rnnedge_runtime
from rnnedge.cli._app import root

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEMPLATES = sorted((ROOT / "rnnedge" / "starter" / "templates").glob("[RM]*.txt"))
PAGES = [
    README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("docs/tasks/*.md")),
    *TEMPLATES,
]  # fmt: skip
PACKAGES = ("rnnedge", "rnnedge_export", "rnnedge_runtime")


def commands(text: str) -> Iterator[list[str]]:
    """The words after `rnnedge` of every line that shows a command, with or without `$`, up to a pipe or a comment."""
    for line in re.findall(r"^(?:\$ |\t)?rnnedge ([a-z-]+ .*[^.:])$", text.replace("\\\n", " "), re.MULTILINE):
        words = shlex.split(line.replace("|", " | "), comments=True)
        ends = [words.index(sign) for sign in ("|", ">", "&&", "then") if sign in words]
        yield words[: min(ends, default=len(words))]


def unknown(words: list[str]) -> list[str]:
    """What of a command does not exist: its verb, or options of it."""
    verbs = root().commands
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


def snippets(text: str) -> list[ast.Module]:
    """Blocks of Python that stand by themselves, parsed; each has to be Python. Of a session, what is typed."""
    found = []
    for block in re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        typed = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", block, re.MULTILINE)
        found.append(ast.parse("\n".join(typed) if block.startswith(">>>") else block))
    return found


def unknown_names(tree: ast.Module) -> list[str]:
    """What a snippet takes from our packages that is not there: modules, names, and keywords of their functions."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnnedge"):
            module = importlib.import_module(str(node.module))
            found += [f"{node.module}.{one.name}" for one in node.names if not hasattr(module, one.name)]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in PACKAGES:
            there = hasattr(importlib.import_module(node.value.id), node.attr)
            found += [] if there else [f"{node.value.id}.{node.attr}"]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found += [f"{node.func.attr}({key.arg}=)" for key in node.keywords if not _takes(node.func, key.arg)]
    return found


def _takes(function: ast.Attribute, keyword: str | None) -> bool:
    """Whether our function of that name has that keyword; those of others have any."""
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner in PACKAGES:
        called = getattr(importlib.import_module(owner), function.attr, None)
    else:
        called = getattr(rnnedge_runtime.Model, function.attr, None) if owner == "model" else None
    if called is None or keyword is None or not callable(called):
        return True
    names = {*inspect.signature(called).parameters, *(field.name for field in fields(rnnedge_export.ExportOptions))}
    return keyword in names


@in_one_test("page", PAGES)
def test_python_on_pages_takes_what_there_is(page: Path) -> None:
    """Every snippet is Python; what it imports, reads and gives by keyword exists."""
    for tree in snippets(page.read_text(encoding="utf-8")):
        assert unknown_names(tree) == []


def test_python_that_takes_what_is_not_there_is_seen() -> None:
    """So the test above can fail."""
    lines = ("from rnnedge import nothing", "rnnedge.lode('x')", "model.stream(bach=2)", "rnnedge.load('x', trast=1)")
    (tree,) = snippets("\n".join(["```python", *lines, "```"]))
    assert sorted(unknown_names(tree)) == ["load(trast=)", "rnnedge.lode", "rnnedge.nothing", "stream(bach=)"]


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
