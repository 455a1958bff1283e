"""Sequences and what they should give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnedge_runtime.annotated import check_fields, checked
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.arrays import array_of
from rnnedge_runtime.errors import InputError

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class SequenceData:
    """Sequences and what they should give.

    `frames[i]` (time, feature) float32, or (time,) int64: tokens, numbered from 0. `targets[i]`: a class number for the
    sequence, (time,) int64 classes per frame, (time, output) float32 values per frame, or for the loss "ctc" (label,)
    int64 classes in their order. Where a network gives fewer frames than it gets, (time, ...) may be that of its
    output. `labels` names the classes.
    """

    frames: tuple[Array, ...]
    targets: tuple[Any, ...]
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first sequence that does not fit the others."""
        check_fields(self)
        if not self.frames or len(self.frames) != len(self.targets):
            raise InputError(
                f"data: expected one target per sequence, found {len(self.frames)} sequences, "
                f"{len(self.targets)} targets"
            )
        check = _check_tokens if self.frames[0].ndim == 1 else _check_features
        for index, frames in enumerate(self.frames):
            check(index, frames, self.features)
        for index, target in enumerate(self.targets):
            _check_target(index, target)

    def __len__(self) -> int:
        """Number of sequences."""
        return len(self.frames)

    @property
    def features(self) -> int:
        """Features per frame; 0 for tokens."""
        return int(self.frames[0].shape[1]) if self.frames[0].ndim == 2 else 0

    @property
    def length(self) -> int:
        """Frames of all sequences together."""
        return sum(map(len, self.frames))

    @checked
    def part(self, indices: Sequence[int]) -> SequenceData:
        """Some of the sequences, in the order of `indices`; a negative one counts from the end.

        Raises `InputError` for an index that no sequence has.
        """
        for place, index in enumerate(indices):
            integer(index, f"part: indices[{place}]", -len(self), len(self) - 1)
        return SequenceData(
            tuple(self.frames[i] for i in indices), tuple(self.targets[i] for i in indices), self.labels
        )

    def statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of every feature over all frames; a constant feature counts as 1 wide.

        Raises `InputError` for tokens, which have no features.
        """
        if not self.features:
            raise InputError("statistics: expected frames of features, found tokens")
        every = np.concatenate(self.frames).astype(np.float64)
        std = every.std(axis=0)
        return tuple(every.mean(axis=0).tolist()), tuple(np.where(std > 1e-8, std, 1.0).tolist())


def _check_features(index: int, frames: Array, features: int) -> None:
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


def _check_tokens(index: int, frames: Array, _: int) -> None:
    if frames.ndim != 1 or not len(frames) or frames.dtype != np.int64 or frames.min() < 0:
        raise InputError(
            f"data: sequence {index}: expected int64 tokens (time,) from 0 on with at least one frame, found "
            f"{frames.dtype} {frames.shape}"
        )


def _check_target(index: int, target: Any) -> None:
    values = array_of(target, f"data: target of sequence {index}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        place = np.argwhere(~np.isfinite(values))[0].tolist()
        raise InputError(
            f"data: target of sequence {index}, place {place}: expected a finite number, found {values[tuple(place)]}"
        )
