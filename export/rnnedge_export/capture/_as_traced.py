"""What a module meets while it is traced: parts of PyTorch that give a graph for any length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from rnnedge_export.capture._distances import distances_of_frames
from rnnedge_export.capture._distributions import plain_distributions
from rnnedge_export.capture._numpy_ranges import numpy_ranges
from rnnedge_export.capture._pooling import two_dimensional_pooling
from rnnedge_export.capture._quiet import quiet
from rnnedge_export.capture._recurrent_layers import recurrent_layers
from rnnedge_export.capture._running import running_totals_as_loops
from rnnedge_export.capture._unfold import blocks_of_all_frames
from rnnedge_export.capture._variables import plain_variables
from rnnedge_export.capture._whole_numbers import whole_numbers
from rnnedge_export.capture.complex_numbers import spectra_of_frames


@contextmanager
def as_traced(module: nn.Module) -> Iterator[None]:
    """All of them; afterwards PyTorch is as it was."""
    with (
        quiet(), torch.no_grad(), recurrent_layers(), two_dimensional_pooling(), spectra_of_frames(),
        blocks_of_all_frames(), numpy_ranges(), whole_numbers(module), running_totals_as_loops(), plain_variables(),
        plain_distributions(), distances_of_frames(),
    ):  # fmt: skip
        yield
