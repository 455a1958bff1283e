"""What a proof compares a file with: a network for whole sequences, a module or an offline file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch


class Oracle(Protocol):
    """A network for whole sequences: what a file has to compute."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Its streamed inputs, in order."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Its outputs, in order; known after the first call."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Every output for a batch of whole sequences, in the network's own axis order."""


def with_context(source: Oracle, rows: Mapping[str, torch.Tensor]) -> Oracle:
    """The same source with other values per sequence, if it takes any."""
    if not rows:
        return source
    made: Oracle = source.with_context(rows)  # type: ignore[attr-defined]
    return made
