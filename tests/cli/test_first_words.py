"""What a newcomer types is understood, or answered with the right spelling."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnnedge.cli._extras import EXTRAS
from rnnedge.recipes.recipe import parse_toml
from rnnedge.sources import load_source
from rnnedge.sources._names import factory_name
from rnnedge_runtime.errors import ModelRefused

NETWORK = """
import torch
from torch import nn
def _private(): ...
def shaped(size): ...
def build(): return nn.GRU(6, 8, batch_first=True), torch.randn(1, 20, 6)
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(6, 24, 3, padding=1), nn.Linear(24, 2)
    def forward(self, x):
        return self.head(self.conv(x.transpose(1, 2)).transpose(1, 2))
"""
# Imports of these fail, as if they were not installed.
BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocked())
sys.argv = ["rnnedge", *{arguments!r}]
from rnnedge.cli import main
main()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a network of its own, and one within a package."""
    for path in (tmp_path / "firstwords.py", tmp_path / "inner" / "firstnet.py"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "text", ["firstwords:build", "firstwords.py:build", "./firstwords.py:build", "inner/firstnet.py:build"]
)
def test_a_factory_is_found_by_module_or_file(text: str) -> None:
    """`net.py:build` says the same as `net:build`."""
    assert load_source(text).example.shape == (1, 20, 6)


def test_an_example_is_found_for_a_network_that_begins_with_a_convolution() -> None:
    """The first layer that says how many features it takes decides."""
    assert load_source("firstwords:Net").example.shape[-1] == 6


def test_a_factory_is_found_in_another_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its whole path, or by one that leads up; a package keeps its name, so that its relative imports work."""
    package = place / "away" / "firstpackage"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "net.py").write_text(NETWORK)
    (package / "relative.py").write_text("from .net import build")
    (place / "here").mkdir()
    monkeypatch.chdir(place / "here")
    for text in (f"{package}/net.py:build", "../away/firstpackage/relative.py:build"):
        assert load_source(text).example.shape == (1, 20, 6)
    assert factory_name("C:\\nets\\net:build").name == "build"


def test_weights_of_a_training_loop_are_found(place: Path) -> None:
    """Inside of a checkpoint, under the name of the module that held the network; never others, and never fewer."""
    torch.manual_seed(0)
    own = load_source("firstwords:build").module.state_dict()
    given = {name: torch.randn_like(value) for name, value in own.items()}
    for name, saved in (
        ("plain.pt", given),
        ("loop.ckpt", {"epoch": 3, "state_dict": {f"model.{k}": v for k, v in given.items()}}),
        ("parallel.bin", {"model_state_dict": {f"module.net.{k}": v for k, v in given.items()}}),
    ):
        torch.save(saved, place / name)
        found = load_source("firstwords:build", weights=place / name).module.state_dict()
        assert all(torch.equal(found[key], value) for key, value in given.items())
    torch.save({f"model.{k}": v for k, v in {**given, "more.weight": torch.zeros(1)}.items()}, place / "more.pt")
    with pytest.raises(ModelRefused, match="unknown 5"):
        load_source("firstwords:build", weights=place / "more.pt")
    torch.save(torch.nn.Linear(1, 1), place / "whole.pt")
    with pytest.raises(ModelRefused, match="holds more than tensors"):
        load_source("firstwords:build", weights=place / "whole.pt")


@pytest.mark.parametrize("text", ["firstwords", "firstwords.py", "firstwords.build", "firstwords:"])
def test_a_forgotten_factory_is_named(text: str) -> None:
    """With what the file has: functions without arguments, then classes; nothing private, and nothing is run."""
    with pytest.raises(ModelRefused, match="did you mean firstwords:build") as refused:
        load_source(text)
    assert "shaped" not in str(refused.value) and "_private" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "blocked", "install"),
    [
        (("export", "firstwords:build", "-o", "n.onnx"), ("torch", "onnx", "onnx_ir", "onnxscript"), "rnnedge[export]"),
        (("adopt", "n.onnx", "-o", "m.onnx", "--state", "h:hn"), ("torch", "onnx", "onnx_ir"), "rnnedge[export]"),
        (("compile", "n.onnx", "-o", "out"), ("torch", "onnx", "onnx_ir"), "rnnedge[export]"),
        (("tune", "firstwords:build", "-o", "n.onnx"), ("torch", "onnx", "onnx_ir"), "rnnedge[export]"),
        (("train", "speech", "-o", "run"), ("torch",), "rnnedge[train]"),
        (("demo",), ("torch",), "rnnedge[demo]"),
        (("run", "n.onnx", "x.csv"), ("typer",), "the command line needs typer, which is not installed"),
        (("--help",), ("typer", "rich"), "pip install 'rnnedge[cli]'"),
    ],
)
def test_a_verb_whose_packages_are_missing_says_how_to_install_them(
    place: Path, arguments: tuple[str, ...], blocked: tuple[str, ...], install: str
) -> None:
    """Exit code 2 and one line, as on a device without PyTorch; a defect is something else."""
    (place / "n.onnx").write_bytes(Path(__file__).parents[1].joinpath("data", "golden_gru.onnx").read_bytes())
    code = BLOCKED.format(blocked=blocked, arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert install in done.stderr


def test_every_extra_is_known() -> None:
    """A new one in pyproject.toml has a line in the table, or brings nothing but other extras."""
    text = Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    extras = parse_toml(text)["project"]["optional-dependencies"]
    own = {name for name, needs in extras.items() if not all(need.startswith("rnnedge[") for need in needs)}
    assert own - {"gpu"} <= {*EXTRAS.values()}
