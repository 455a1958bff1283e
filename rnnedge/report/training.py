"""Pictures of a training."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from rnnedge.report.plots import COLOURS, blank_figure, plain_type
from rnnedge_runtime.atomic import write_bytes

if TYPE_CHECKING:
    from rnnedge.training.lr_finder import RangeTest

_GREY = "#7d8899"


def draw_range_test(found: RangeTest, path: Path) -> Path:
    """The loss over the learning rate, with what is suggested, as a PNG at `path`."""
    figure, axes = blank_figure(7.2, 3.0)
    axes.plot(found.rates, found.losses, color=COLOURS[5], lw=0.8, alpha=0.6, label="loss of a batch")
    axes.plot(found.rates, found.smoothed, color=COLOURS[0], lw=1.8, label="smoothed")
    axes.axvline(found.suggestion, color=COLOURS[2], lw=1.2, label=f"suggested: {found.suggestion:.2g}")
    axes.axvline(found.limit, color=COLOURS[4], lw=1.2, ls=(0, (2, 2)), label=f"limit: {found.limit:.2g}")
    least, first = float(found.smoothed.min()), float(found.smoothed[0])
    axes.set_ylim(least - 0.1 * (first - least), first + 0.5 * (first - least))
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.legend(frameon=False, fontsize=8)
    buffer = io.BytesIO()
    with plain_type(figure):
        figure.savefig(buffer, format="png", dpi=150)
    return write_bytes(path, buffer.getvalue())
