"""onnxruntime reports nothing, leaves nothing and looks nothing up, unless the user wants it to."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import strace

from rnnedge_runtime._telemetry import VARIABLE

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "data" / "golden_gru.onnx"
DOOR = "runtime/rnnedge_runtime/engines/onnx_runtime.py"

PUSH = """
import sys, numpy as np, rnnedge_runtime as r
r.load(sys.argv[1], trust="strict").stream().push(np.ones((5, 4), np.float32))
"""
EXPORT = """
import torch, rnnedge
class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = torch.nn.GRU(3, 4, batch_first=True)
    def forward(self, x):
        return self.cell(x)[0]
rnnedge.export(Tagger().eval(), torch.randn(1, 20, 3), "net.onnx")
"""
VERB = "import sys; sys.argv = ['rnnedge', 'inspect', sys.argv[1]]; from rnnedge.cli import main; main()"
SAYS = "import os, sys; {}; print(repr(os.environ.get('ORT_DISABLE_TELEMETRY')))"


def alone(home: Path, **more: str) -> dict[str, str]:
    """The environment of a user whose home is `home`, and who has set nothing."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_")) and name != "CI"}
    # Python's own caches of what it compiled are none of ours.
    return {**kept, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **more}


def imports_onnxruntime(source: str) -> bool:
    """Whether `source` imports it, at the top or in a function."""
    if "onnxruntime" not in source:
        return False
    for node in ast.walk(ast.parse(source)):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            named = getattr(node.func, "attr", getattr(node.func, "id", ""))
            names += [str(node.args[0].value)] if named in ("import_module", "__import__", "importorskip") else []
        if any(name.partition(".")[0] == "onnxruntime" for name in names):
            return True
    return False


def test_one_place_imports_onnxruntime() -> None:
    """Every other file gets it from there, so that the variable is set before."""
    files = [path for folder in ("runtime", "export", "rnnedge", "bench", "tests", "examples")
             for path in (ROOT / folder).rglob("*.py")]  # fmt: skip
    found = [path.relative_to(ROOT).as_posix() for path in files if imports_onnxruntime(path.read_text("utf-8"))]
    assert found == [DOOR]


@pytest.mark.parametrize(
    "source",
    [
        "import onnxruntime as ort",
        "def f():\n    from onnxruntime.capi import x",
        "importlib.import_module('onnxruntime')",
        "__import__('onnxruntime.capi')",
    ],
)
def test_an_import_of_any_spelling_is_seen(source: str) -> None:
    """So that the test above can fail."""
    assert imports_onnxruntime(source) and not imports_onnxruntime("import onnx")


@pytest.mark.parametrize(
    ("first", "given"),
    [
        *(("import rnnedge_runtime", given) for given in (None, "", "0", "1")),
        ("import rnnedge_runtime.engines._ort", None),
        ("import rnnedge_export.api", None),
    ],
)
def test_the_variable_is_set_unless_the_user_has_set_it(first: str, given: str | None, tmp_path: Path) -> None:
    """Whatever his value is; and a process that is started then has the same one."""
    own = {} if given is None else {VARIABLE: given}
    child = f"{SAYS.format(first)}; import subprocess; subprocess.run([sys.executable, '-c', {SAYS.format('0')!r}])"
    command = [sys.executable, "-u", "-c", child]
    done = subprocess.run(command, env=alone(tmp_path, **own), capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [repr("1" if given is None else given)] * 2


def test_a_program_that_imported_onnxruntime_before_is_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did at its import stays; nothing is asked of it where the user has set the variable."""
    from types import SimpleNamespace

    from rnnedge_runtime._telemetry import keep_off

    calls: list[str] = []
    monkeypatch.setitem(
        sys.modules, "onnxruntime", SimpleNamespace(disable_telemetry_events=lambda: calls.append("off"))
    )
    monkeypatch.setenv(VARIABLE, "0")
    keep_off()
    assert (calls, os.environ[VARIABLE]) == ([], "0")
    monkeypatch.delenv(VARIABLE)
    keep_off()
    assert (calls, os.environ[VARIABLE]) == (["off"], "1")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace())
    keep_off()
    assert os.environ[VARIABLE] == "1"


def outside(code: str, folder: Path, *arguments: str) -> tuple[list[str], list[str]]:
    """What a program made or changed outside of `folder`, and the addresses that it spoke to."""
    home = folder / "home"
    home.mkdir()
    log, scratch = folder / "log", folder / "scratch"
    scratch.mkdir()
    command = ["strace", "-f", "-qq", "-s", "4096", "-o", str(log),
               "-e", "trace=?open,?openat,?creat,?mkdir,?mkdirat,?rename,?renameat,?renameat2,?symlink,?symlinkat,"
               "?link,?linkat,?mknod,?mknodat,connect,sendto,sendmsg,?sendmmsg",
               sys.executable, "-c", code, *arguments]  # fmt: skip
    environment = alone(home, TMPDIR=str(scratch), XDG_STATE_HOME=str(folder / "state"))
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    made, spoken = [], []
    for line in log.read_text("utf-8", "replace").splitlines():
        call = re.match(r"\d+ +(\w+)\((.*)", line)
        if call is None:
            continue
        name, rest = call.groups()
        if name in ("connect", "sendto", "sendmsg", "sendmmsg"):
            # A local socket of the C library's name service is not the net.
            spoken += [] if "AF_UNIX" in rest else [line]
        elif "= -1 E" not in line and (name[:4] != "open" or re.search(r"O_WRONLY|O_RDWR|O_CREAT", rest)):
            paths = re.findall(r'"((?:[^"\\]|\\.)*)"', rest)
            places = [(folder / path).resolve() for path in paths]
            allowed = (folder.resolve(), Path("/dev"), Path("/proc"))
            made += [line for place in places if not any(map(place.is_relative_to, allowed))]
            made += [line for place in places if place.is_relative_to(home.resolve())]
    return made, spoken


@pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())
@pytest.mark.parametrize(
    ("code", "file"), [(PUSH, True), (EXPORT, False), (VERB, True)], ids=["push", "export", "verb"]
)
def test_nothing_is_written_elsewhere_and_nothing_looked_up(code: str, file: bool, tmp_path: Path) -> None:
    """Loading and pushing, an export, a verb: only what was asked for, the list of exports and temporary files."""
    shutil.copy(GOLDEN, tmp_path / "m.onnx")
    made, spoken = outside(code, tmp_path, *(["m.onnx"] if file else []))
    assert (made, spoken) == ([], [])
    assert list((tmp_path / "home").rglob("*")) == []


@pytest.mark.skipif(bool(strace.missing()), reason=strace.missing())
def test_what_onnxruntime_leaves_is_seen(tmp_path: Path) -> None:
    """By itself it writes into the home, and so the test above can fail; a name that is looked up is seen too."""
    made, _ = outside("import onnxruntime", tmp_path)
    if not made:
        pytest.skip("this onnxruntime has no telemetry")
    other = tmp_path / "other"
    other.mkdir()
    ask = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 53))"
    assert outside(ask, other)[1]
