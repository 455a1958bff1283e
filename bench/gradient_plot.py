"""How far back a network's gradient reaches, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

from rnnedge.report.escape import in_drawing
from rnnedge.report.plots import COLOURS, as_svg, blank_figure
from rnnedge_runtime.contract import Array

_SMALLEST = 1e-30


def gradient_norms(norms: Mapping[str, Array]) -> str:
    """Norm of the derivative of the last output by a frame so far before (distance,), by name, as an <svg>."""
    figure, axes = blank_figure(7.2, 3.2)
    dashes = cycle(["-"] * len(COLOURS) + ["--"] * len(COLOURS))
    for colour, dash, (name, values) in zip(cycle(COLOURS), dashes, norms.items(), strict=False):
        axes.plot((values / values.max()).clip(_SMALLEST), color=colour, ls=dash, lw=1.3, label=in_drawing(name))
    axes.set_yscale("log")
    axes.set_xlabel("frames back")
    axes.set_ylabel("gradient, of its largest")
    axes.legend(frameon=False, labelcolor="#7d8899", fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return as_svg(figure)
