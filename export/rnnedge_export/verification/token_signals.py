"""Inputs of whole numbers: every token of a vocabulary, numbers of every size if there is none, and their range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from rnnedge_export.reference import Reference
from rnnedge_export.verification._largest_number import largest_number
from rnnedge_runtime.contract import Array, Contract, Port

_TOKENS_A_RUN = 1024
# Samples of 8, 16 and 20 bits: less than what a source was asked about.
_SIZES, _FRAMES = (1 << 6, 1 << 14, 1 << 19), 48


def vocabulary(reference: Reference, input_name: str) -> int | None:
    """How many tokens the source takes in every feature, found by asking it; None if it takes any number."""
    usual = reference.frames(1, reference.lengths.at_least(1), np.random.default_rng(0))

    def call(token: int) -> object:
        return reference.raw({**usual, input_name: np.full_like(usual[input_name], token)})

    columns = usual[input_name].reshape(*usual[input_name].shape[:2], -1)
    last = largest_number(call, int(columns.max((0, 1)).min()))
    return None if last is None else last + 1


def every_token(reference: Reference, sizes: Mapping[str, int]) -> dict[str, Array]:
    """Inputs (1, time, ...) by name with every token of each vocabulary, the last one too; a part of a large one."""
    rng = np.random.default_rng(41)
    longest = min(max(sizes.values()), _TOKENS_A_RUN)
    frames = reference.frames(1, reference.lengths.at_least(longest), rng)
    for name, size in sizes.items():
        shape, count = frames[name].shape, frames[name].size
        every = rng.permutation(size) if size <= count else rng.choice(size - 1, count, replace=False)
        row = np.resize(every, count)
        if size > count:
            row[0] = size - 1
        frames[name] = row.reshape(shape).astype(frames[name].dtype)
    return frames


def numbers(reference: Reference, ports: Sequence[Port], sizes: Mapping[str, int]) -> dict[str, Array]:
    """Inputs (size, time, ...) of numbers of every size, of either sign where the source takes them.

    Other inputs of whole numbers get tokens of their vocabulary, of those `sizes`.
    """
    rng = np.random.default_rng(42)
    frames = reference.frames(len(_SIZES), reference.lengths.at_least(_FRAMES), rng)
    for name, size in sizes.items():
        frames[name] = rng.integers(0, size, frames[name].shape).astype(frames[name].dtype)
    for port in ports:
        array = frames[port.name]
        if array.dtype.kind not in "iu":
            continue
        bounds, signed = np.iinfo(array.dtype), _takes(reference, frames, port.name, -_SIZES[-1])
        for row, size in zip(array, _SIZES, strict=True):
            drawn = rng.integers(-size if signed else 0, size, row.shape)
            row[...] = np.clip(drawn, bounds.min, bounds.max)
    return frames


def wrong_ranges(contract: Contract, reference: Reference, sizes: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with the ranges that a file says: the source takes their ends, and no number beyond.

    An input of one whole number a frame has one if the source has a vocabulary, of those `sizes`.
    """
    usual = reference.frames(1, reference.lengths.at_least(1), np.random.default_rng(0))
    for port in contract.inputs:
        alone = np.prod([int(size) for size in port.frame_shape], dtype=int) == 1 and port.dtype.startswith("int")
        if port.range is None:
            if alone and port.name in sizes and _takes(reference, usual, port.name, 0):
                yield f"input {port.name!r}: expected a range of numbers, the source has {sizes[port.name]:,} tokens"
            continue
        low, high = port.range
        for number, within in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            if alone and _takes(reference, usual, port.name, number) != within:
                said = "does not take" if within else "takes"
                yield f"input {port.name!r}: range {low} to {high}, and the source {said} {number}"


def _takes(reference: Reference, usual: Mapping[str, Array], name: str, number: int) -> bool:
    try:
        reference.raw({**usual, name: np.full_like(usual[name], number)})
    # Whatever the source raises for a number that it does not have.
    except Exception:
        return False
    return True
