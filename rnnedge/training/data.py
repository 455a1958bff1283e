"""Sequences of different lengths, and batches of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnedge_runtime.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class SequenceData:
    """Sequences and what they should give.

    `frames[i]` (time, feature) float32. `targets[i]`: a class number for the sequence, (time,) int64 classes per frame,
    or (time, output) float32 values per frame. `labels` names the classes.
    """

    frames: tuple[Array, ...]
    targets: tuple[Any, ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first sequence that does not fit the others."""
        if not self.frames or len(self.frames) != len(self.targets):
            raise InputError(
                f"data: expected one target per sequence, found {len(self.frames)} sequences, "
                f"{len(self.targets)} targets"
            )
        features = self.frames[0].shape[-1]
        for index, frames in enumerate(self.frames):
            if frames.ndim != 2 or frames.shape[1] != features or not len(frames) or frames.dtype != np.float32:
                raise InputError(
                    f"data: sequence {index}: expected float32 (time, {features}) with at least one frame, found "
                    f"{frames.dtype} {frames.shape}"
                )
            if not np.isfinite(frames).all():
                place = np.argwhere(~np.isfinite(frames))[0]
                raise InputError(
                    f"data: sequence {index}, frame {place[0]}, feature {place[1]}: expected a finite number, found "
                    f"{frames[tuple(place)]}"
                )

    def __len__(self) -> int:
        """Number of sequences."""
        return len(self.frames)

    @property
    def features(self) -> int:
        """Features per frame."""
        return int(self.frames[0].shape[1])

    def part(self, indices: Sequence[int]) -> SequenceData:
        """Some of the sequences, in the order of `indices`."""
        return SequenceData(
            tuple(self.frames[i] for i in indices), tuple(self.targets[i] for i in indices), self.labels
        )

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of every feature over all frames; a constant feature counts as 1 wide."""
        every = np.concatenate(self.frames).astype(np.float64)
        std = every.std(axis=0)
        return tuple(every.mean(axis=0).tolist()), tuple(np.where(std > 1e-8, std, 1.0).tolist())


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences padded at the end to the longest of them.

    `x` (batch, time, feature); `lengths` (batch,) int64; `mask` (batch, time) is True on real frames; `y` (batch,) for
    a class per sequence, else (batch, time, ...), zero on padding.
    """

    x: Tensor
    lengths: Tensor
    mask: Tensor
    y: Tensor


def batches(data: SequenceData, size: int, generator: np.random.Generator | None = None) -> Iterator[Batch]:
    """Every sequence once, `size` at a time, shuffled where a generator is given."""
    order = np.arange(len(data)) if generator is None else generator.permutation(len(data))
    for start in range(0, len(order), size):
        yield _collate(data.part([int(i) for i in order[start : start + size]]))


def _collate(data: SequenceData) -> Batch:
    lengths = torch.tensor([len(frames) for frames in data.frames])
    mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
    if np.ndim(data.targets[0]) == 0:
        y = torch.tensor([int(target) for target in data.targets])
    else:
        y = _padded(data.targets)
    return Batch(_padded(data.frames), lengths, mask, y)


def _padded(arrays: Sequence[Array]) -> Tensor:
    tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
