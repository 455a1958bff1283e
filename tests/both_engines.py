"""The same life of a stream on the native engine and on onnxruntime, compared as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from native_library import compile_library
from torch import Tensor, nn

from rnnedge_runtime import Model, RnnEdgeError, load
from rnnedge_runtime.sample import sample_frames

TOLERANCE = 1e-5
ENGINES = ("native", "cpu")
Scenario = Callable[[Model], Iterator[object]]


@dataclass(frozen=True)
class Pair:
    """One file on both engines."""

    native: Model
    cpu: Model

    def check(self, scenario: Scenario) -> None:
        """What `scenario` yields is the same on both: arrays within 1e-5 of their range, all else equal."""
        count = 0
        for found, expected in zip(scenario(self.native), scenario(self.cpu), strict=True):
            compare(found, expected, f"result {count}")
            count += 1
        assert count


def pair_of(path: Path, block: int = 2) -> Pair:
    """The file, with a library compiled beside it."""
    compile_library(path.read_bytes(), path.parent, block=block, stem=path.stem)
    return Pair(load(path, provider="native"), load(path))


def tried(act: Callable[[], object]) -> object:
    """What `act` returns, or the error that it raises in words."""
    try:
        return act()
    except RnnEdgeError as error:
        return f"{type(error).__name__}: {error}"


def compare(found: object, expected: object, where: str) -> None:
    """Arrays within 1e-5 of their range, also those in a dict or a list; all else equal."""
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray), f"{where}: {found}"
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape), where
        magnitude = max(1.0, float(np.abs(expected).max(initial=0.0)))
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * magnitude, err_msg=where)
    elif isinstance(expected, dict | list):
        assert type(found) is type(expected) and len(found) == len(expected), f"{where}: {found} {expected}"
        if isinstance(expected, dict):
            found, expected = _whole_totals(found), _whole_totals(expected)  # type: ignore[arg-type]
        for key in expected if isinstance(expected, dict) else range(len(expected)):
            compare(found[key], expected[key], f"{where}, {key!r}")  # type: ignore[index]
    else:
        assert found == expected, where


def _whole_totals(results: dict[str, object]) -> dict[str, object]:
    """States with what their roundings lost: where a total is rounded the other way, both parts differ, and no sum."""
    whole = dict(results)
    for name in [name for name in results if ".rest" in str(name)]:
        total, rest = whole[name.replace(".rest", "")], whole.pop(name)
        assert isinstance(total, np.ndarray) and isinstance(rest, np.ndarray)
        # The sum of the two as they are: what is left of it in float32 is compared.
        whole[name.replace(".rest", "")] = (total.astype(np.float64) + rest).astype(total.dtype)
    return whole


def frames_of(model: Model, count: int, seed: int, batch: int = 1) -> dict[str, np.ndarray]:
    """Random frames of every input by name, (count, ...) or (batch, count, ...)."""
    drawn = []
    for one in range(batch):
        frames = sample_frames(model.contract, count, 1000 * seed + one)
        drawn.append(frames if isinstance(frames, dict) else {model.contract.inputs[0].name: frames})
    return drawn[0] if batch == 1 else {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}


def part(frames: dict[str, np.ndarray], start: int, stop: int) -> dict[str, np.ndarray]:
    """Frames `start` to `stop` of (..., time, feature)."""
    return {name: array[..., start:stop, :] for name, array in frames.items()}


class Crossing(nn.Module):
    """Two inputs, a window with a hop of 2 that looks ahead, a recurrence, a running sum, and a summary."""

    def __init__(self) -> None:
        super().__init__()
        self.window = nn.Conv1d(5, 6, 7, stride=2, padding=3)
        self.gru = nn.GRU(6, 6, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor, side: Tensor) -> dict[str, Tensor]:
        seen = self.window(torch.cat([x, side], -1).transpose(1, 2)).transpose(1, 2)
        y, _ = self.gru(seen)
        return {"frames": self.head(y), "total": (seen + 0.5).cumsum(1), "last": y[:, -1]}
