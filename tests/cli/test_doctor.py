"""`rnnedge doctor` says what is here and what is missing, also on a device."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import Command

from rnnedge import doctor
from rnnedge.doctor import _examine as examined

KINDS = {"versions", "packages", "processor", "compiler", "folders", "engines", "self-test"}


def test_everything_is_looked_at_and_the_self_test_passes(rnnedge: Command) -> None:
    """As JSON; the small file gives what was recorded."""
    done = rnnedge("doctor", "--json")
    assert done.code == 0 and done.json["schema"] == "rnnedge.doctor"
    found = {(one["kind"], one["name"]): one for one in done.json["findings"]}
    assert {kind for kind, _ in found} == KINDS
    assert found["self-test", "stream a small file"]["found"].startswith("ok: error ")


def test_nothing_is_left_in_the_home(tmp_path: Path) -> None:
    """To look for a microphone starts no sound, which would make a folder of its own there."""
    code = "import sys; from rnnedge.doctor._examine import _microphone"
    code += "; print([*_microphone()], 'sounddevice' in sys.modules)"
    variables = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n") and not [*tmp_path.iterdir()]


def test_what_is_missing_comes_with_the_command_that_brings_it(
    rnnedge: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages by their extra, and a compiler; the exit code is that of the self-test."""
    there = examined.find_spec
    monkeypatch.setattr(examined, "find_spec", lambda n: None if n in ("torch", "ziglang", "optuna") else there(n))
    monkeypatch.setattr(examined.shutil, "which", lambda _: None)
    done = rnnedge("doctor")
    assert done.code == 0
    for line in ("for torch: pip install 'rnnedge[export]'", "for optuna: pip install 'rnnedge[search]'",
                 "for C, for this machine: install gcc or clang"):  # fmt: skip
        assert line in done.out


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that moves it."""
    monkeypatch.setattr(examined.os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = {one.name: one for one in doctor.examine({}) if one.kind == "folders"}
    assert not found["cache"].ok and "XDG_CACHE_HOME" in found["cache"].remedy


def test_a_self_test_that_fails_is_exit_code_4(rnnedge: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard can fail."""
    from rnnedge.doctor import _self_test
    from rnnedge_runtime.golden import GoldenReport

    monkeypatch.setattr(_self_test, "replay_golden", lambda _: GoldenReport(16, 1.0, 1e-5, "cpu", 64))
    done = rnnedge("doctor")
    assert done.code == 4 and "self_test.onnx" in done.err
