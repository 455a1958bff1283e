"""Judge a network as it will run: streamed, a few frames at a time, the state carried from one piece to the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch

from rnnedge.nn import RecurrentNetwork
from rnnedge.training._compatibility import check
from rnnedge.training._config import TrainerConfig
from rnnedge.training._data import SequenceData
from rnnedge.training._dead_units import UnitRanges
from rnnedge.training._objective import Objective, judged_count, losses
from rnnedge.training._tbptt import batches, cut
from rnnedge.training.metrics import Confusion, Metrics
from rnnedge_export.torch_threads import worthwhile_threads
from rnnedge_runtime.annotated import checked

PIECE_FRAMES = 50


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over all judged frames (sequences, for CTC), and metrics by name; for tokens also "bits" of loss.

    `dead`: for every recurrent layer, the share of its units that never changed. `confusion[i][j]`: how often class i
    was decided to be j; empty if there are no classes.
    """

    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    dead: tuple[float, ...] = ()
    confusion: Confusion = ()

    @property
    def accuracy(self) -> float | None:
        """Share decided right; None if there are no classes, or another metric was asked for."""
        return self.metrics.get("accuracy")


@checked
def evaluate(network: RecurrentNetwork, data: SequenceData, config: TrainerConfig) -> Evaluation:
    """Stream every sequence of `data` from the initial state, about `PIECE_FRAMES` frames of output at a time.

    A network whose state does not carry what it should gets a bad result here, as it would on the device. With a class
    per sequence the decision is that of the last frame, which has seen the whole sequence; else all frames count.

    Raises `InputError` if data and network do not fit: a class or a token that the network does not have.
    """
    check(network.config, data, replace(config, stateful=False), "data")
    network.eval()
    device = str(next(network.parameters()).device)
    objective = Objective(network, config).eval()
    metrics = Metrics(config, network.config.output_size)
    total, count, piece = 0.0, 0, PIECE_FRAMES
    while int(network.output_frames(torch.tensor(piece))) < PIECE_FRAMES:
        piece *= 2
    threads = worthwhile_threads(network, config.batch_size or 1)
    with threads, torch.no_grad(), UnitRanges(network) as units:
        for batch in batches(data, network, config):
            state = None
            for window in cut(batch.to(device), piece, network):
                units.real = window.real
                y, state = objective.outputs(window, state)
                judged = judged_count(window, config)
                if judged:
                    total += float(losses(y, window, config).sum())
                    count += judged
                    metrics.update(y, window)
    loss, found = total / max(count, 1), metrics.compute()
    if network.config.tokens and config.loss == "cross_entropy":
        found["bits"] = loss / math.log(2)
    return Evaluation(loss, found, units.dead(), metrics.confusion())
