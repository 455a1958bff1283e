"""Pictures of what a network does on a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnedge.report.escape import in_drawing
from rnnedge.report.plots import COLOURS, as_svg, blank_figure
from rnnedge.training import Epoch
from rnnedge_runtime.contract import Array


def confusion_matrix(expected: Array, found: Array, labels: Sequence[str]) -> str:
    """How often each class (row) was taken for each (column), as an <svg>; numbers of classes (sequence,)."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (expected, found), 1)
    figure, axes = blank_figure(4.2, 4.0)
    axes.imshow(counts / np.maximum(counts.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        dark = counts[row, column] > counts[row].sum() / 2
        axes.text(
            column,
            row,
            str(counts[row, column]),
            ha="center",
            va="center",
            fontsize=8,
            color="w" if dark else "#334155",
        )
    names = list(map(in_drawing, labels))
    axes.set_xticks(range(len(labels)), names)
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlabel("decided")
    axes.set_ylabel("right")
    return as_svg(figure)


def forecast(x: Array, forecasts: Mapping[str, Array]) -> str:
    """A series (time,) and what was expected of each of its frames, by name, as an <svg>."""
    figure, axes = blank_figure(7.2, 2.6)
    axes.plot(x, color=COLOURS[5], lw=2.4, alpha=0.6, label="what came")
    for colour, (name, expected) in zip(COLOURS, forecasts.items(), strict=False):
        axes.plot(expected, color=colour, lw=1.1, label=in_drawing(name))
    axes.set_xlabel("frame of the held-out end")
    axes.legend(frameon=False, labelcolor="#7d8899", fontsize=8)
    return as_svg(figure)


def learning_curves(epochs: Sequence[Epoch], best: int) -> str:
    """Training and held-out loss of every epoch as an <svg>; `best` is the number of the epoch that was kept."""
    figure, axes = blank_figure(7.2, 2.6)
    numbers = [epoch.number for epoch in epochs]
    axes.plot(numbers, [epoch.train_loss for epoch in epochs], color=COLOURS[5], lw=1, label="training")
    axes.plot(
        numbers, [epoch.validation_loss for epoch in epochs], color=COLOURS[0], lw=1.6, label="held out, streamed"
    )
    if best:
        axes.axvline(best, color=COLOURS[1], lw=1, ls=(0, (2, 2)), label=f"kept: epoch {best}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, labelcolor="#7d8899", fontsize=8)
    return as_svg(figure)
