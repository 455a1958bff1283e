"""The examples: what their pages say is run word for word in a folder that has nothing but the example and a model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exported import export_network

from rnnedge_runtime import load

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network in step form."""
    return export_network("gru-1", "step", tmp_path_factory.mktemp("model")).path


def _follow(name: str, model: Path, folder: Path) -> str:
    """Run what the page of an example says; returns what that printed."""
    shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
    shutil.copyfile(model, folder / "net.onnx")
    (commands,) = re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_host_program_in_c(model: Path, tmp_path: Path) -> None:
    """It prints what a stream gives for the same frames."""
    _follow("c", model, tmp_path)
    stream = load(model).stream()
    frames = np.random.default_rng(0).standard_normal((30, *stream.input.shape[1:])).astype(np.float32)
    text = "\n".join(" ".join(f"{number:.9g}" for number in frame) for frame in frames)
    done = subprocess.run([tmp_path / "host"], input=text, capture_output=True, text=True, check=True)
    found = np.array([[float(number) for number in line.split()] for line in done.stdout.splitlines()])
    np.testing.assert_allclose(found, stream.push(frames), atol=2e-6)
    assert len((EXAMPLES / "c" / "host.c").read_text().splitlines()) <= 30


def test_an_audio_callback_needs_nothing_of_the_system(model: Path, tmp_path: Path) -> None:
    """No symbol but those of copies, and no system call between the first block and the last one."""
    said = _follow("audio-callback", model, tmp_path)
    needed = set(re.findall(r"^ +U (\w+)", said, re.MULTILINE))
    assert needed <= {"memcpy", "memset", "memmove"}
    assert "longest block" in said
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    subprocess.run(["strace", "-f", "-o", "calls", "./callback"], cwd=tmp_path, check=True, capture_output=True)
    calls = (tmp_path / "calls").read_text()
    between = calls[calls.index('"begin') : calls.index('"end')].splitlines()[1:-1]
    assert not between, between


def test_a_module_for_node(model: Path, tmp_path: Path) -> None:
    """Zeros in Node give what they give in a stream."""
    pytest.importorskip("ziglang")
    if shutil.which("node") is None:
        pytest.skip("needs node")
    found = [[float(number) for number in line.split()] for line in _follow("wasm", model, tmp_path).splitlines()[-3:]]
    stream = load(model).stream()
    zeros = np.zeros((3, *stream.input.shape[1:]), np.float32)
    np.testing.assert_allclose(np.array(found), stream.push(zeros), atol=2e-6)


def test_what_a_microcontroller_needs(model: Path, tmp_path: Path) -> None:
    """Less than eight kilobytes of code, and a stack of less than one."""
    pytest.importorskip("ziglang")
    said = _follow("cortex-m", model, tmp_path)
    code, stack = re.search(r"code (\d+)", said), re.search(r"any call: (\d+)", said)
    assert code is not None
    assert stack is not None
    assert int(code[1]) < 8192
    assert 0 < int(stack[1]) < 1024
