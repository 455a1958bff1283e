"""A branch on the length of the sequence is refused with its line; one that changes nothing is not."""

from __future__ import annotations

from pathlib import Path

import pytest
import quickly
import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnedge_runtime import ModelRefused


class Long(nn.Linear):
    """Louder for long sequences."""

    def forward(self, x: Tensor) -> Tensor:
        """Of frames."""
        y = super().forward(x)
        if x.shape[1] > 20:
            y = y * 2
        return y


class Short(nn.Conv1d):
    """Pads a short sequence by more, and cuts that off again."""

    def forward(self, x: Tensor) -> Tensor:
        """Of frames."""
        x, n = x.transpose(1, 2), x.shape[1]
        x = functional.pad(x, (2, 0))
        if n < 4:
            x = functional.pad(x, (0, 4))
        return super().forward(x)[..., :n].transpose(1, 2)


@pytest.mark.parametrize("length", [12, 40])
def test_a_branch_on_the_length_is_refused_with_its_line(length: int, tmp_path: Path) -> None:
    """Whichever branch the example takes."""
    with pytest.raises(ModelRefused, match=r"test_branches.py:\d+ `if x.shape\[1\] > 20:`; a stream does not know"):
        quickly.export(Long(3, 3).eval(), torch.randn(1, length, 3), tmp_path / "m.onnx")


def test_a_branch_that_changes_no_frame_is_taken(tmp_path: Path) -> None:
    """Both ways compute the same."""
    report = quickly.export(Short(3, 3, 3).eval(), torch.randn(1, 12, 3), tmp_path / "m.onnx")
    assert report.verification.max_error <= 1e-5


class Looping(nn.RNNCell):
    """A mask from a table of 16 positions, as long as it reaches, in front of a loop over time."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Of frames."""
        n = x.shape[1]
        x = torch.ones(16, 16).tril()[:n, :n] @ x / 16 if n < 16 else x
        h, ys = x.new_zeros(x.shape[0], self.hidden_size), []
        for t in range(n):
            h = super().forward(x[:, t], h)
            ys.append(h)
        return torch.stack(ys, 1)


def test_a_branch_in_front_of_a_loop_is_refused_with_its_line(tmp_path: Path) -> None:
    """The loop is captured at lengths for which the branch is one."""
    with pytest.raises(ModelRefused, match=r"`x = torch.ones.* if n < 16 else x`; .* a table by position ends"):
        quickly.export(Looping(3, 3).eval(), torch.randn(1, 12, 3), tmp_path / "m.onnx")


class Reflected(nn.Conv1d):
    """Louder for long sequences, behind frames that are reflected; `wanted`: fewer are padded with zeros."""

    loud, wanted = 64, 0

    def forward(self, x: Tensor) -> Tensor:
        """Of frames."""
        x, n = x.transpose(1, 2), x.shape[1]
        if n <= self.wanted:
            x = functional.pad(x, (0, 5 - n))
        y = super().forward(functional.pad(x, (4, 0), mode="reflect"))[..., :n].transpose(1, 2)
        if n > self.loud:
            y = y * 2
        return y


def test_a_branch_behind_reflected_frames_is_refused_with_its_line(tmp_path: Path) -> None:
    """The example is far longer, and what is too short to be reflected does not hide it."""
    with pytest.raises(ModelRefused, match=r"test_branches.py:\d+ `if n > self.loud:`; a stream does not know"):
        quickly.export(Reflected(3, 3, 5).eval(), torch.randn(1, 200, 3), tmp_path / "m.onnx")


def test_a_branch_for_what_is_too_short_to_be_reflected_is_taken(tmp_path: Path) -> None:
    """The file is for sequences from the length on that can be reflected."""
    module = Reflected(3, 3, 5).eval()
    module.loud, module.wanted = 0, 4
    report = quickly.export(module, torch.randn(1, 24, 3), tmp_path / "m.onnx")
    assert report.contract.least == 5


class Squeezed(nn.Linear):
    """Squeezes an axis that is larger than 1, which torch leaves as it is."""

    def forward(self, x: Tensor) -> Tensor:
        """Of frames."""
        return super().forward(x.squeeze(2)).squeeze((1, 2))


def test_an_axis_larger_than_one_is_not_squeezed(tmp_path: Path) -> None:
    """Neither one axis nor several."""
    report = quickly.export(Squeezed(3, 3).eval(), torch.randn(1, 12, 3), tmp_path / "m.onnx")
    assert report.verification.max_error <= 1e-6
