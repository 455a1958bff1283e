"""A path that no system takes, or that may not be looked at, is an error of ours at every door that reads a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import rnnedge
from rnnedge.data import DataConfig, read_data
from rnnedge.frames import read_frames
from rnnedge.recipes import find_recipe
from rnnedge.sources import load_source, load_weights
from rnnedge.training import load_checkpoint
from rnnedge_runtime import RnnEdgeError, load

GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"
CONTRACT = load(GOLDEN, trust="local").contract
DOORS: dict[str, Callable[[str, Path], object]] = {
    "load": lambda name, _: load(name),
    "key": lambda name, _: load(GOLDEN, key=name),
    "library": lambda name, _: load(
        GOLDEN, trust="local", provider="native", provider_options={"native": {"library": name}}
    ),
    "weights": lambda name, _: load_weights(nn.Linear(2, 2), name),
    "source": lambda name, _: load_source(name),
    "factory": lambda name, _: load_source(f"{name}:make"),
    "frames": lambda name, _: list(read_frames(name, CONTRACT)),
    "data": lambda name, _: read_data(DataConfig(name, "class_per_frame", target=("y",))),
    "checkpoint": lambda name, _: load_checkpoint(name),
    "recipe": lambda name, _: find_recipe(name),
    "convert": lambda name, folder: rnnedge.convert(name, folder / "m.onnx"),
    "adopt": lambda name, folder: rnnedge.adopt(name, folder / "m.onnx"),
    "verify": lambda name, _: rnnedge.verify(name, nn.Linear(2, 2)),
    "save": lambda name, _: load(GOLDEN, trust="local").stream().save(name),
    "restore": lambda name, _: load(GOLDEN, trust="local").stream().load(name),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_path_that_no_system_takes_is_an_error_of_ours(door: str, tmp_path: Path) -> None:
    """A name of 5,000 letters, one in 3,000 folders, one below a file, one of a null character."""
    endings = ("", ".onnx", ".csv", ".pt", ".py", ".toml", ".wav", ".npz", ".flac", ".parquet")
    for name in ("a" * 5000, "a/" * 3000 + "b", f"{GOLDEN}/a", "a\0b", "a\ud800b"):
        for ending in endings:
            with pytest.raises(RnnEdgeError) as caught:
                DOORS[door](name + ending, tmp_path)
            assert "\n" not in str(caught.value)
