"""Every wrong way of giving an example says what was expected, what was found, and how it is written; that works."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from rnnedge_export.sources import of_module
from rnnedge_runtime.errors import ModelRefused

_X = torch.randn(1, 9, 4, generator=torch.Generator().manual_seed(0))


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(nn.functional.pad(x, (2, 0)))


_GRU, _CONV = nn.GRU(4, 4, batch_first=True), Conv()
CASES: dict[str, tuple[nn.Module, Any, str]] = {
    "a nested list": (_GRU, _X.tolist(), "found numbers in a list; give torch.tensor(x)"),
    "a list of frames": (_GRU, _X[0].tolist(), "found numbers in a list; give torch.tensor(x)[None]"),
    "an array": (_GRU, _X.numpy(), "found ndarray; give torch.from_numpy(x)"),
    "an array in a tuple": (_GRU, (_X.numpy(),), "found ndarray; give torch.from_numpy(x)"),
    "a shape": (_GRU, (1, 9, 4), "found the numbers (1, 9, 4); if that is the shape, give torch.zeros(1, 9, 4)"),
    "a size": (_GRU, _X.shape, "found the numbers (1, 9, 4); if that is the shape, give torch.zeros(1, 9, 4)"),
    "a path": (_GRU, "x.npy", "found a path or a name, str; load it first, as torch.from_numpy(numpy.load(path))"),
    "nothing": (_GRU, None, "found NoneType; give a tensor such as torch.zeros(1, 100, 40)"),
    "an empty tuple": (_GRU, (), "found nothing; give a tensor such as torch.zeros(1, 100, 40)"),
    "a generator": (_GRU, iter([_X]), "found list_iterator; give one batch of it, next(iter(x))"),
    "packed": (_GRU, pack_sequence([_X[0]]), "found a PackedSequence; give the tensor before it is packed"),
    "no batch": (_GRU, _X[0], "one sequence without a batch; give x.unsqueeze(0), of shape (1, 9, 4)"),
    "no batch, one feature": (_GRU, _X[0, 0], "of one sequence without a batch give x.unsqueeze(0)"),
    "time elsewhere": (_CONV, _X.transpose(1, 2), "give time_axis=2 (--time-axis 2)"),
    "no batch, time elsewhere": (_CONV, _X[0].T, "give x.unsqueeze(0) and time_axis=2 (--time-axis 2)"),
    "another name": (_GRU, {"x": _X}, "'x' is no argument of GRU.forward(input, hx)"),
    "complex numbers": (_GRU, _X.to(torch.complex64), "give torch.view_as_real(x), and view_as_complex in the module"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_example_is_told_and_how_it_is_written(name: str) -> None:
    """Before anything is captured."""
    module, example, message = CASES[name]
    with (
        pytest.raises(ModelRefused, match=f"^example: .*{re.escape(message)}"),
        of_module(module, example, say=lambda stage: pytest.fail(stage)),
    ):
        pass


def test_what_the_messages_tell_is_an_example() -> None:
    """Each remedy, followed."""
    followed = [
        (_GRU, torch.tensor(_X.tolist()), 1),
        (_GRU, torch.tensor(_X[0].tolist())[None], 1),
        (_GRU, torch.from_numpy(np.asarray(_X)), 1),
        (_GRU, torch.zeros(1, 9, 4), 1),
        (_GRU, _X[0].unsqueeze(0), 1),
        (_CONV, _X[0].T.unsqueeze(0), 2),
    ]
    for module, example, axis in followed:
        stages: list[str] = []
        with of_module(module.eval(), example, time_axis=axis, say=stages.append):
            assert stages


class OneSequence(nn.Module):
    """Initial states of the batch that it was trained with."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x, torch.zeros(1, 1, 4))[0]


def test_a_module_for_one_sequence_is_told_so() -> None:
    """The example was right, and its forward is named, not the sizes that it was tried with."""
    with (
        pytest.raises(ModelRefused, match=r"^OneSequence: it takes one sequence at a time only .*of x.shape\[0\] seq"),
        of_module(OneSequence(), _X, say=lambda stage: None),
    ):
        pass
