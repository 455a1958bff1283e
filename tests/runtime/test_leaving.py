"""Daemon threads that run graphs while the interpreter ends: the exit code is that of the main thread."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from exported import export_network
from native_library import compile_library
from shares import one_in

_PROGRAM = """
import atexit, sys, threading, time
# Comes after the runtime's own handler, which is registered when it is imported.
atexit.register(lambda: print(late.push(one).shape))
import numpy as np
import rnnedge_runtime as r
from rnnedge_runtime import _interpreter_exit

# A thread that is waited for in vain is a time-out of this program.
_interpreter_exit._PATIENCE_S = 1000.0
path, engine, works = sys.argv[1:4]
model = r.load(path, trust="local", provider=engine)
one, many = np.zeros((1, 5), np.float32), np.zeros((512, 5), np.float32)
late = model.stream()
pool = model.pool(8)
batcher = model.pool(8).batcher(max_wait_s=0.001)

def push():
    stream = model.stream()
    return lambda: stream.push(one)

def push_many():
    stream = model.stream(time_limit_s=60.0)
    return lambda: stream.push(many)

def step():
    return model.stream().step

def snapshot():
    stream = model.stream()
    return lambda: (stream.push(many), stream.snapshot(), stream.reset())

def make():
    return lambda: model.stream().push(one)

def load():
    return lambda: r.load(path, trust="local", provider=engine).stream().push(one)

def pooled():
    own = model.pool(4)
    members = [own.join() for _ in range(4)]
    return lambda: own.push(dict.fromkeys(members, many))

def batched():
    member = batcher.join()
    return lambda: batcher.push(member, one)

def called_back():
    stream = model.stream(non_finite="zero", on_event=lambda event: time.sleep(3600.0))
    return lambda: stream.push(one * np.nan)

def compiled():
    from rnnedge_runtime.engines.native import _find as find

    find.installed_compiler = lambda: find.Compiler(lambda *_: time.sleep(3600.0), lambda target: "another")
    return lambda: r.load(open(path, "rb").read(), trust="local", provider="native")

def for_ever(act):
    try:
        while True:
            act()
    except r.InputError:
        pass

for work in works.split():
    for _ in range(4):
        threading.Thread(target=for_ever, args=(globals()[work](),), daemon=True).start()
if "open" in sys.argv:
    atexit.unregister(_interpreter_exit._leave)
time.sleep(0.2)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tagger, with its library beside it."""
    exported = export_network("gru-2", "native", tmp_path_factory.mktemp("leaving"))
    path = exported.path.rename(exported.path.with_name("net.onnx"))
    compile_library(path.read_bytes(), path.parent, block=2)
    return path


def ended(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The program above, with these arguments."""
    command = [sys.executable, "-c", _PROGRAM, str(path), *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, env=environment)


# Those of a line go on side by side, in four threads each.
WORKS = ["push push_many step snapshot", "make load pooled batched"]


@pytest.mark.parametrize(("works", "engine"), one_in(3, product(WORKS, ["cpu", "native"])))
def test_the_exit_code_is_that_of_the_main_thread(path: Path, works: str, engine: str) -> None:
    """Nobody hears of threads that were still at work, and a stream of the main thread still runs in a late handler."""
    done = ended(path, engine, works)
    assert (done.returncode, done.stdout, done.stderr) == (3, "(1, 3)\n", "")


@pytest.mark.parametrize("work", ["called_back", "compiled"])
def test_what_takes_long_outside_of_engines_does_not_hold_the_exit_up(path: Path, work: str) -> None:
    """A callback of the user's that does not come back, or a compiler, is left to itself."""
    done = ended(path, "cpu", work)
    assert (done.returncode, done.stdout, done.stderr) == (3, "(1, 3)\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="what ends the process is the C++ library of Linux")
def test_without_it_the_process_is_aborted(path: Path) -> None:
    """The check above fails where nothing keeps threads out of onnxruntime."""
    codes = {ended(path, "cpu", f"{work} {work}", "open").returncode for work in ("push", "push_many", "pooled")}
    assert codes != {3}
