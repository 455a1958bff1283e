"""A training folder of somebody else is read, or refused at once: without waiting, and without memory for nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from in_one_test import in_one_test

from rnnedge.nn import NetworkConfig, RecurrentNetwork
from rnnedge.training import load_checkpoint, save_checkpoint
from rnnedge.training.checkpoint import RunInfo
from rnnedge_runtime import ModelRefused

Change = Callable[[dict[str, Any], Path], None]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network that was trained."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    network = RecurrentNetwork(NetworkConfig(cell="gru", input_size=3, hidden_size=8, output_size=2))
    save_checkpoint(folder, network, RunInfo("t", labels=("a", "b")))
    return folder


def _network(**fields: Any) -> Change:
    return lambda config, _: config["network"].update(fields)


def _weights(name: Any) -> Change:
    return lambda config, _: config["weights"].update(file=name)


def _replaced(make: Callable[[Path], object]) -> Change:
    def change(config: dict[str, Any], folder: Path) -> None:
        path = folder / config["weights"]["file"]
        path.unlink()
        make(path)

    return change


def _written(data: bytes) -> Change:
    def change(config: dict[str, Any], folder: Path) -> None:
        path = folder / config["weights"]["file"]
        body = data.ljust(path.stat().st_size, b" ")
        path.write_bytes(body)
        config["weights"]["sha256"] = hashlib.sha256(body).hexdigest()

    return change


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


_AUDIO = {"kind": "log_mel", "sample_rate_hz": 16000, "window_ms": 25.0, "hop_ms": 10.0, "mels": 40}
_HOSTILE: dict[str, Change] = {
    "a million layers": _network(num_layers=1_000_000),
    "a thousand layers": _network(num_layers=1000),
    "more units": _network(hidden_size=9),
    "14,000 units": _network(hidden_size=14_000),
    "a million million units": _network(hidden_size=10**12),
    "beyond 64 bits": _network(hidden_size=10**30),
    "another cell": _network(cell="lstm"),
    "an initialization that is for others": _network(init="irnn"),
    "a window of a year": _network(input_size=1, front_end=[{**_AUDIO, "window_ms": 3e10}]),
    "a window without end": _network(input_size=1, front_end=[{**_AUDIO, "window_ms": 1e308}]),
    "a million million filters": _network(input_size=1, front_end=[{**_AUDIO, "mels": 10**12}]),
    "a path upwards": _weights("../weights.safetensors"),
    "a path elsewhere": _weights("/dev/zero"),
    "no name": _weights(None),
    "a folder": _weights("."),
    "a pipe": _replaced(os.mkfifo) if hasattr(os, "mkfifo") else _replaced(Path.mkdir),
    "a folder for the weights": _replaced(Path.mkdir),
    "a device": _replaced(lambda path: path.symlink_to("/dev/zero")),
    "a terabyte of nothing": _replaced(_sparse),
    "a pickle": _written(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    "a header without end": _written((1 << 62).to_bytes(8, "little") + b"{"),
    "text": _written(b"not weights"),
}


def _changed(good: Path, folder: Path, change: Change) -> Path:
    shutil.copytree(good, folder)
    config = json.loads((folder / "config.json").read_text())
    change(config, folder)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_copy_is_read(good: Path, tmp_path: Path) -> None:
    """Equal to the bit."""
    network, info = load_checkpoint(_changed(good, tmp_path / "run", lambda *_: None))
    other, _ = load_checkpoint(good)
    assert info.labels == ("a", "b") and not network.training
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])


@in_one_test("kind", _HOSTILE)
def test_what_cannot_be_is_refused_at_once(kind: str, good: Path, tmp_path: Path) -> None:
    """In a line that names the file, before memory is taken."""
    folder = _changed(good, tmp_path / "run", _HOSTILE[kind])
    tracemalloc.start()
    with pytest.raises(ModelRefused) as error:
        load_checkpoint(folder)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(folder) in str(error.value) and "\n" not in str(error.value)
    assert peak < 64 << 20


@in_one_test(
    "text",
    ["", "[" * 100_000, '{"network":' * 50_000, "{}", "[]", '{"network": {}}', '{"network": NaN}', "\udcff", "pipe",
     " " * (1 << 25)],

)  # fmt: skip
def test_a_config_that_is_none_is_refused(text: str, good: Path, tmp_path: Path) -> None:
    """Deep, long, empty, of other bytes, or a pipe."""
    folder = tmp_path / "run"
    shutil.copytree(good, folder)
    path = folder / "config.json"
    if text == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ModelRefused) as error:
        load_checkpoint(folder)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
