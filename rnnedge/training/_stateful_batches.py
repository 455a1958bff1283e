"""Long sequences side by side: each row of a batch goes through one sequence after the other and carries its state.

1. A sequence longer than a fair share of all frames is cut into pieces of nearly equal length, so that no lane is idle.
2. The pieces are dealt to the lanes, the longest first, each to the lane that has the fewest windows so far. The order
   within a lane is drawn again in every epoch.
3. A piece is padded to whole windows of `k1` frames. The next piece begins with a window, from the initial state:
   nothing of one sequence is remembered in another.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import Array, SequenceData
from rnnedge.training._tbptt import Window, fitted
from rnnedge_runtime.errors import InputError


@dataclass(frozen=True)
class _Piece:
    """Frames `start` to `stop` of sequence `index`, in `windows` windows."""

    index: int
    start: int
    stop: int
    windows: int


def lanes(
    data: SequenceData, network: RecurrentNetwork, config: TrainerConfig, order: np.random.Generator
) -> Iterator[Window]:
    """Windows of `config.k1` frames of `config.batch_size` lanes, until every frame was given once.

    There is a target for every frame. Raises `InputError` where `k1` and the network's stride do not fit.
    """
    k1, count = config.k1, windows_per_epoch(data, config)
    given = _outputs_per_window(network, k1)
    x: list[Array] = []
    y: list[Array] = []
    real: list[Array] = []
    fresh = np.zeros((config.batch_size, count), bool)
    for lane, pieces in enumerate(_dealt(data, config)):
        drawn = [pieces[i] for i in order.permutation(len(pieces))]
        x.append(_laid([(data.frames[p.index][p.start : p.stop], p.windows) for p in drawn], count, k1, data.frames[0]))
        targets = [_target(data, p, network) for p in drawn]
        y.append(_laid([(t, p.windows) for t, p in zip(targets, drawn, strict=True)], count, given, data.targets[0]))
        ones = [(np.ones(len(t), bool), p.windows) for t, p in zip(targets, drawn, strict=True)]
        real.append(_laid(ones, count, given, np.ones(0, bool)))
        fresh[lane, np.cumsum([0, *(p.windows for p in drawn)])[: len(drawn)]] = True
    xs, ys, reals, begins = (torch.from_numpy(a) for a in (np.stack(x), np.stack(y), np.stack(real), fresh))
    for window in range(count):
        out = slice(window * given, (window + 1) * given)
        judged = reals[:, out]
        yield Window(xs[:, window * k1 : (window + 1) * k1], ys[:, out], judged, judged, judged, begins[:, window])


def windows_per_epoch(data: SequenceData, config: TrainerConfig) -> int:
    """Windows of the longest lane, which is the number of updates in an epoch."""
    return max(sum(piece.windows for piece in pieces) for pieces in _dealt(data, config))


def _dealt(data: SequenceData, config: TrainerConfig) -> list[list[_Piece]]:
    """The pieces of every lane."""
    share = -(-data.length // config.batch_size)
    pieces = []
    for index, frames in enumerate(data.frames):
        edges = np.linspace(0, len(frames), -(-len(frames) // share) + 1).astype(int).tolist()
        pieces += [_Piece(index, a, b, -(-(b - a) // config.k1)) for a, b in pairwise(edges)]
    queues: list[list[_Piece]] = [[] for _ in range(config.batch_size)]
    loads = [(0, lane) for lane in range(config.batch_size)]
    for piece in sorted(pieces, key=lambda p: -p.windows):
        load, lane = heapq.heappop(loads)
        queues[lane].append(piece)
        heapq.heappush(loads, (load + piece.windows, lane))
    return queues


def _outputs_per_window(network: RecurrentNetwork, k1: int) -> int:
    one, two = network.output_frames(torch.tensor([k1, 2 * k1])).tolist()
    if two != 2 * one or one == 0:
        raise InputError(
            f"k1: expected a multiple of the front end's stride, found {k1}, which gives {one} frames of output, and "
            f"{two - one} the second time"
        )
    return int(one)


def _target(data: SequenceData, piece: _Piece, network: RecurrentNetwork) -> Array:
    frames = piece.stop - piece.start
    given = int(network.output_frames(torch.tensor(frames)))
    return fitted(np.asarray(data.targets[piece.index])[piece.start : piece.stop], frames, given, network, piece.index)


def _laid(pieces: list[tuple[Array, int]], windows: int, width: int, like: Array) -> Array:
    """Pieces one after the other, each on as many windows of `width` as it says; zero elsewhere."""
    lane = np.zeros((windows * width, *like.shape[1:]), like.dtype)
    place = 0
    for values, taken in pieces:
        lane[place : place + len(values)] = values
        place += taken * width
    return lane
