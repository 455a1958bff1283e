"""Members of a pool that stand at other frames: each has the number of its own, whatever a network does with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import foreign
import numpy as np
import pytest
import quickly
import torch
from torch import Tensor, nn

from rnnedge_runtime import Member, Model, load
from rnnedge_runtime._loaded_model import LoadedModel


class Numbered(nn.Module):
    """Frames that are changed by what `function` makes of their number."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        self.gru = nn.GRU(3, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """As the layer gives them, and one feature more or less."""
        number = torch.arange(x.shape[1]).expand(x.shape[0], -1)
        y: Tensor = self.gru(x)[0] + self.function(number)[..., None]
        return y


@pytest.mark.parametrize(
    "function",
    [
        lambda number: (number == 0).float(),
        lambda number: (number % 2).float(),
        lambda number: torch.div(number, 16, rounding_mode="floor") * 0.25,
        lambda number: (number < 20).float(),
        lambda number: torch.sin(number / 50.0),
    ],
    ids=["first", "parity", "chunk", "window", "angle"],
)
def test_members_at_other_frames_are_as_alone(function: Callable[[Tensor], Tensor], tmp_path: Path) -> None:
    """They join late, one after the other, and are pushed together."""
    module = Numbered(function).eval()
    quickly.export(module, torch.zeros(1, 8, 3), tmp_path / "net.onnx")
    frames = np.random.default_rng(0).standard_normal((3, 40, 3)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(frames)).numpy()
    pool = load(tmp_path / "net.onnx").pool(3)
    members: list[Member] = []
    at: list[int] = []
    found: list[list[np.ndarray]] = [[], [], []]
    for turn in range(60):
        if turn % 9 == 0 and len(members) < 3:
            members.append(pool.join())
            at.append(0)
        given = {member: frames[k, at[k] : at[k] + 1] for k, member in enumerate(members) if at[k] < 40}
        outputs = pool.push(given) if given else {}
        for k, member in enumerate(members):
            if member in outputs:
                found[k].append(outputs[member])
                at[k] += 1
    for k in range(3):
        np.testing.assert_allclose(np.concatenate(found[k]), expected[k], atol=1e-5)


def adopted(folder: Path, counts: str) -> Model:
    """A file that reads a table of 900 rows by a number that it counts up, per sequence, in that type."""
    kind = foreign.helper.np_dtype_to_tensor_dtype(np.dtype(counts))
    nodes = [
        foreign.node("Gather", ["table", "n"], ["row"]),
        foreign.node("Add", ["x", "row"], ["y"]),
        foreign.node("Add", ["n", "one"], ["n2"]),
    ]
    file = foreign.write(folder / "f.onnx", nodes, {"x": ["b", 3], "n": (kind, ["b"])},
                         {"y": ["b", 3], "n2": (kind, ["b"])},
                         {"table": foreign.weights(900, 3), "one": np.array(1, counts)})  # fmt: skip
    foreign.adopt(file, folder / "s.onnx", states={"n": "n2"}, time_axis=None)
    return load(folder / "s.onnx")


@pytest.mark.parametrize("counts", ["int32", "int64"])
def test_a_number_that_no_sequence_comes_to_ends_no_engine(counts: str, tmp_path: Path) -> None:
    """The run fails where the table has no row for it, and nobody takes over; each has its own, so they share calls."""
    model = adopted(tmp_path, counts)
    further = [lambda: pytest.fail("another engine")]
    watched = Model(LoadedModel(model.name, model.digest, model.contract, model.engine, further))
    assert watched.pool(2).batched
