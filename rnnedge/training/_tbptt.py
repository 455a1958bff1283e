"""Batches of sequences, as windows in time.

A batch is padded at the end to its longest sequence. With `bucketing`, sequences of similar length come together, so
that little of a batch is padding; which batches come when, and who shares one, is drawn again in every epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import Array, SequenceData
from rnnedge.training._defaults import LARGEST_BATCH
from rnnedge_runtime.errors import InputError

# No label: where a sequence has fewer than others for CTC.
_NONE = -1


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of time of several sequences, one a row.

    `x` (row, time, feature) float32, or (row, time) int64 tokens; zero on padding. `fresh` (row,) is True where a
    sequence begins with this window. All others are about frames of output:
    `judged` (row, output time) is True where the loss is taken, `decided` where the metrics are, `real` where there is
    no padding; `y` (row, output time, ...) is what the output should be, or (row, label) for CTC.
    """

    x: Tensor
    y: Tensor
    judged: Tensor
    decided: Tensor
    real: Tensor
    fresh: Tensor

    def rows(self, chosen: slice) -> Window:
        """Some of the rows; the first one, judged nowhere, where that would be none."""
        some = Window(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))
        if len(some.x):
            return some
        first = self.rows(slice(0, 1))
        never = torch.zeros_like(first.judged)
        return replace(first, judged=never, decided=never, real=never)

    def to(self, device: str) -> Window:
        """The same on another device."""
        return Window(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


def batches(
    data: SequenceData, network: RecurrentNetwork, config: TrainerConfig, order: np.random.Generator | None = None
) -> Iterator[Window]:
    """Every sequence once, whole, `config.batch_size` at a time; in an order drawn from `order`, else in that of data.

    The optimizer "gradient_descent" has one batch. Raises `InputError` where a target does not fit its sequence.
    """
    size = (
        len(data)
        if config.optimizer == "gradient_descent" and order is not None
        else config.batch_size or LARGEST_BATCH
    )
    for chosen in _groups(data, size, config.bucketing, order):
        yield collate(data, chosen, network, config)


def _groups(
    data: SequenceData, size: int, bucketing: int, order: np.random.Generator | None
) -> Iterator[Sequence[int] | Array]:
    if order is None:
        for start in range(0, len(data), size):
            yield range(start, min(start + size, len(data)))
        return
    shuffled = order.permutation(len(data))
    if bucketing == 1:
        yield from (shuffled[start : start + size] for start in range(0, len(data), size))
        return
    lengths = np.array([len(frames) for frames in data.frames])
    groups = []
    for start in range(0, len(data), size * bucketing):
        pool = shuffled[start : start + size * bucketing]
        pool = pool[np.argsort(lengths[pool], kind="stable")]
        groups += [pool[first : first + size] for first in range(0, len(pool), size)]
    for index in order.permutation(len(groups)):
        yield groups[index]


def collate(
    data: SequenceData, chosen: Sequence[int] | Array, network: RecurrentNetwork, config: TrainerConfig
) -> Window:
    """The sequences `chosen` side by side, from their first frame to the end of the longest one."""
    frames = [data.frames[int(i)] for i in chosen]
    lengths = torch.tensor([len(f) for f in frames])
    given = network.output_frames(lengths)
    place = torch.arange(int(given.max()))[None]
    real = place < given[:, None]
    last = place == given[:, None] - 1
    if network.config.output == "last":
        judged = last
    else:
        judged = real & (place >= torch.clamp(given - 1, max=config.first_frame)[:, None])
    targets = [np.asarray(data.targets[int(i)]) for i in chosen]
    per_sequence = targets[0].ndim == 0
    fresh = torch.ones(len(frames), dtype=torch.bool)
    if config.loss == "ctc":
        labels = [torch.from_numpy(t.astype(np.int64)) for t in targets]
        y = torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=_NONE)
        judged = real
    elif per_sequence:
        y = torch.from_numpy(np.stack(targets))[:, None].expand(-1, real.shape[1])
    else:
        sizes = zip(targets, lengths.tolist(), given.tolist(), chosen, strict=True)
        y = _padded([fitted(target, n, outputs, network, int(index)) for target, n, outputs, index in sizes])
    return Window(_padded(frames), y, judged, last if per_sequence else judged, real, fresh)


def cut(window: Window, frames: int, network: RecurrentNetwork) -> Iterator[Window]:
    """`window` as windows of `frames` each, the last one shorter."""
    total = window.x.shape[1]
    if frames == 0 or frames >= total:
        yield window
        return
    edges = torch.tensor([*range(0, total, frames), total])
    outputs = network.output_frames(edges).tolist()
    for index, start in enumerate(range(0, total, frames)):
        out = slice(outputs[index], outputs[index + 1])
        yield Window(
            window.x[:, start : start + frames],
            window.y[:, out],
            window.judged[:, out],
            window.decided[:, out],
            window.real[:, out],
            window.fresh if start == 0 else torch.zeros_like(window.fresh),
        )


def fitted(target: Array, frames: int, given: int, network: RecurrentNetwork, index: int) -> Array:
    """A target for every frame of output: if there is one for every frame of input, that of the newest one seen."""
    if len(target) == given:
        return target
    if len(target) != frames:
        raise InputError(
            f"data: sequence {index}: expected a target for each of {frames} frames (or of {given} frames of output), "
            f"found {len(target)}"
        )
    seen = network.output_frames(torch.arange(1, frames + 1)).numpy()
    return target[np.searchsorted(seen, np.arange(1, given + 1))]


def _padded(arrays: Sequence[Any]) -> Tensor:
    tensors = [torch.from_numpy(np.ascontiguousarray(array)) for array in arrays]
    return torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True)
