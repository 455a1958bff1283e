"""`rnnedge new` writes a project that trains, proves and tests itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command


def test_a_new_folder_becomes_a_project(rnnedge: Command, tmp_path: Path) -> None:
    """Its name is that of files; what is yours are ten lines, and every file is whole."""
    done = rnnedge("new", tmp_path / "my-detector", "--json")
    folder = tmp_path / "my-detector"
    assert done.code == 0 and {Path(path) for path in done.json["files"]} == {
        path for path in folder.rglob("*") if path.is_file()
    }
    lines = [line for line in (folder / "recipe.toml").read_text().splitlines() if line and line[0] not in "#["]
    assert len(lines) <= 10
    assert "my_detector.onnx" in (folder / "Makefile").read_text()
    for path in folder.glob("*.py"):
        compile(path.read_text(), path, "exec")
    subprocess.run([sys.executable, "make_data.py"], cwd=folder, check=True, timeout=60)
    assert len((folder / "data.csv").read_text().splitlines()) == 42 * 60 + 1
    assert (folder / "recording.csv").read_text().splitlines()[0] == "t,x,y"


def test_a_folder_in_use_is_left_alone(rnnedge: Command, tmp_path: Path) -> None:
    """And a name that no file of Python can have."""
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "mine").touch()
    done = rnnedge("new", tmp_path / "used")
    assert done.code == 6 and "expected a new or an empty folder" in done.err and done.err.count("\n") == 1
    assert rnnedge("new", tmp_path / "7").code == rnnedge("new", tmp_path / "two\nlines").code == 6
    assert sorted(path.name for path in (tmp_path / "used").iterdir()) == ["mine"]


def test_the_command_after_a_new_project_is_one_of_its_folder(
    rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that begins with a dash is no option of cd."""
    monkeypatch.chdir(tmp_path)
    done = rnnedge("new", "--", "-mine")
    assert done.code == 0 and "now: cd ./-mine && make" in done.out + done.err


@pytest.mark.long
def test_a_new_project_makes_itself(rnnedge: Command, tmp_path: Path) -> None:
    """Data, training, export, proof, measurement and its own tests, by `make`; then it detects, as its README says."""
    folder = tmp_path / "my-detector"
    rnnedge("new", folder)
    (tmp_path / "bin").mkdir()
    for name, words in (("rnnedge", " -m rnnedge"), ("python", "")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        script.chmod(0o755)
    path = os.pathsep.join([str(tmp_path / "bin"), os.environ["PATH"]])
    command = ["make", "all", "BUDGET=p99<1s"]
    subprocess.run(command, cwd=folder, check=True, timeout=280, env={**os.environ, "PATH": path})
    assert (folder / "my_detector.onnx").is_file()
    done = subprocess.run(
        ["make", "-s", "run"], cwd=folder, check=True, timeout=60, env={**os.environ, "PATH": path}, capture_output=True
    )
    starts = [json.loads(line)["label"] for line in done.stdout.splitlines() if b"start" in line]
    assert list(dict.fromkeys(starts)) == ["slow", "steady", "fast"]
