"""The tutorial runs as it is written, in an empty folder."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from command import Command

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
# The same measurement in less time.
SHORT = ("--seconds", "0", "--pushes", "100", "--processes", "1")


def test_the_tutorial_runs(rnnedge: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command and every snippet of Python, in their order; what it shows of rows and events is what comes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "vad", raising=False)
    text = PAGE.read_text(encoding="utf-8")
    network, program = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    Path("vad.py").write_text(network)
    shown = {}
    for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE):
        words = shlex.split(line, comments=True)
        if words[0] == "python":
            subprocess.run([sys.executable, *words[1:]], check=True, timeout=120)
            continue
        if words[0] == "cat":
            with Path(words[1]).open("rb") as file:
                monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=file))
                done = rnnedge(*words[words.index("rnnedge") + 1 :])
        else:
            done = rnnedge(*words[1:], *(SHORT if words[1] == "bench" else ()))
        assert done.code == 0, (line, done.err)
        shown[line] = done.out
    rows = next(out for line, out in shown.items() if line.endswith("frames.csv")).splitlines()
    assert rows[0] == "frame,time_s,y0" and len(rows) == 6
    events = next(out for line, out in shown.items() if "--events" in line)
    assert re.findall(r'"event": "(\w+)"', events) == ["start", "end"]
    names = {"frames": np.loadtxt("frames.csv", delimiter=",", dtype=np.float32)}
    exec(compile(program, str(PAGE), "exec"), names)
    assert names["probabilities"].shape == (4, 1) and names["rest"].shape == (1, 1)
