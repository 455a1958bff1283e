"""Blocks of pictures that become channels, and back."""

from __future__ import annotations

import numpy as np
from one_node import COUNT, Case, check, numbers


def _sizes(rng: np.random.Generator) -> tuple[int, ...]:
    """Pictures, channels, blocks down, blocks across, numbers of a block's side."""
    return tuple(int(n) for n in rng.integers(1, (3, 4, 5, 5, 4)))


def test_channels_become_blocks() -> None:
    """In either mode, and in that of a node that names none; on different numbers down and across."""
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(COUNT // 2):
        batch, kept, down, across, side = _sizes(rng)
        values = numbers(rng, (batch, kept * side**2, down, across))
        cases += [
            Case("DepthToSpace", [values], {"blocksize": side} | mode)
            for mode in ({"mode": "CRD"}, {"mode": "DCR"}, {})
        ]
    check(cases, tolerance=0)


def test_blocks_become_channels() -> None:
    """Of any side."""
    rng = np.random.default_rng(1)
    cases = []
    for _ in range(COUNT):
        batch, channels, down, across, side = _sizes(rng)
        values = numbers(rng, (batch, channels, down * side, across * side))
        cases.append(Case("SpaceToDepth", [values], {"blocksize": side}))
    check(cases, tolerance=0)
