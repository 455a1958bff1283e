"""A recipe that is none, or that no one would write, is refused in a line, at once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from command import Command
from in_one_test import in_one_test


@in_one_test(
    ("text", "words"),
    [
        ("a = = b", "not a TOML file"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a = " + "{b=" * 5000, "nested too deeply"),
        ("[" + ".".join("a" * 100_000) + "]", "a name of more than 100 parts"),
        (".".join("a" * 100_000) + " = 1", "a name of more than 100 parts"),
        ("x = {" + ".".join("a" * 100_000) + " = 1}", "a name of more than 100 parts"),
        ("a = " + "1" * 5000, "not a TOML file"),
        ("# " + "x" * (1 << 18), "expected at most"),
        ("task = 1", "expected a name"),
        ("task = 'speech'\n[training]\nepochs = " + "[" * 300 + "]" * 300, "epochs"),
        ("\x1b[2J = 1", "not a TOML file"),
        ("'\x9b2J\u202e' = 1", "unknown key"),
    ],

)  # fmt: skip
def test_a_recipe_that_is_none_is_refused(text: str, words: str, rnnedge: Command, tmp_path: Path) -> None:
    """Deep, long, with names without end: the file is named, nothing is made."""
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    done = rnnedge("train", path, "-o", tmp_path / "run")
    assert done.code in (2, 3, 6), done.err
    assert words in done.err and "recipe.toml" in done.err and done.err.count("\n") == 1
    assert "defect" not in done.err and "\x1b" not in done.err and len(done.err) < 3000
    assert not (tmp_path / "run").exists()


def test_a_value_on_the_command_line_is_no_deeper(rnnedge: Command, tmp_path: Path) -> None:
    """`--set` is written as in a recipe."""
    done = rnnedge("train", "adding", "-o", tmp_path / "run", "--set", "training.epochs=" + "[" * 5000)
    assert done.code in (2, 6) and "defect" not in done.err, done.err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_recipe_is_a_file(rnnedge: Command, tmp_path: Path) -> None:
    """A pipe in its place is an error, not a hang."""
    os.mkfifo(tmp_path / "recipe.toml")
    done = rnnedge("train", tmp_path / "recipe.toml", "-o", tmp_path / "run")
    assert done.code in (2, 6), done.err
