"""What torch.export is given: tensors of their own, whatever the user's example is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from rnnedge_export.capture.example import Example, Extra

WHOLE = torch.arange(160.0).reshape(2, 16, 5)


@pytest.mark.parametrize("value", [WHOLE, WHOLE[:, :8], WHOLE.transpose(1, 2).contiguous().transpose(1, 2)])
@pytest.mark.parametrize(("batch", "time"), [(2, 8), (2, 16), (3, 20), (1, 1)])
def test_nothing_given_is_a_view(value: torch.Tensor, batch: int, time: int) -> None:
    """A view's base has sizes of its own, which a check of the trace may ask for: then no graph can be written."""
    extra = Extra("z", value[:, 0], 0)
    for made in Example((value,), 0, 1, (extra,)).given(batch, time):
        assert not made._is_view() and made.is_contiguous() and made.data_ptr() != value.data_ptr()
    made = Example((value,), 0, 1).resized(batch, time)[0]
    rows, frames = (torch.arange(n) % size for n, size in ((batch, value.shape[0]), (time, value.shape[1])))
    assert torch.equal(made, value[rows][:, frames])
    assert replace(extra, default=value[:1, 0]).first.shape == (1, 5)
