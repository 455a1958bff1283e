"""The wheel holds what a device needs and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"rnnedge", "rnnedge_export", "rnnedge_runtime"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this working tree."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=240)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """Its METADATA."""
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def requirements(metadata: Message, extra: str | None) -> set[str]:
    """Names of what an extra (None: the bare package) asks for, without other extras of our own."""
    lines = metadata.get_all("Requires-Dist", [])
    wanted = [line for line in lines if (f"extra == '{extra}'" in line if extra else "extra ==" not in line)]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted}


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: zipfile.ZipFile):
    """No test, script or document becomes an importable name in somebody's environment."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_each_package_is_typed(wheel: zipfile.ZipFile, package: str):
    """A type checker believes annotations only beside a py.typed marker (PEP 561)."""
    assert f"{package}/py.typed" in wheel.namelist()


def test_the_wheel_carries_its_licence(wheel: zipfile.ZipFile, metadata: Message):
    """Apache-2.0 asks that every copy carries its text."""
    assert metadata["License-Expression"] == "Apache-2.0"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel.namelist())


def test_a_device_installs_numpy_and_its_engine(metadata: Message):
    """`rnnedge` asks for numpy, all that the native engine needs; onnxruntime and the command line are extras."""
    assert requirements(metadata, None) == {"numpy"}
    assert requirements(metadata, "cpu") == {"onnxruntime"}
    assert requirements(metadata, "cli") == {"typer"}


@pytest.mark.parametrize("extra", ["export", "train"])
def test_a_workstation_has_the_command_line(metadata: Message, extra: str):
    """Whoever exports or trains types verbs."""
    assert "typer" in requirements(metadata, extra)


def test_torch_is_pinned_exactly_wherever_it_is_asked_for(metadata: Message):
    """An open range resolves to a build that brings gigabytes of CUDA libraries along."""
    asked = [line for line in metadata.get_all("Requires-Dist", []) if re.match(r"torch\b", line)]
    assert asked
    assert all(re.match(r"torch==2\.13\.0;", line) for line in asked), asked


def test_constraints_pin_every_requirement_to_one_version():
    """Each line is an exact version without a build label, which no other index would have."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    loose = [line for line in lines if not re.fullmatch(r'[a-z0-9-]+==[\w.]+(; python_version >= "3\.\d+")?', line)]
    assert loose == []
    assert "torch==2.13.0" in lines
