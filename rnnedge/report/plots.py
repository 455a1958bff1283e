"""Drawings as inline SVG: small, sharp, readable on a light and on a dark page."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np

from rnnedge.report.escape import in_drawing
from rnnedge_runtime.contract import Array
from rnnedge_runtime.errors import MissingExtra

COLOURS = ("#3b82f6", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#64748b", "#0e7490")
_GREY = "#7d8899"
# How many times as long as the shortest bar the axis may be, so that each is seen.
_SEEN = 20


def latency_histogram(series: Mapping[str, Array], per: str) -> str:
    """Which share of the calls takes how long: `series` maps a name to microseconds per `per`.

    What is slower than all but half a percent of any series stands in the last bin.
    """
    figure, axes = blank_figure(7.2, 2.9)
    from matplotlib.ticker import LogFormatter

    low = min(float(np.percentile(values, 0.05)) for values in series.values())
    high = max(float(np.percentile(values, 99.5)) for values in series.values()) * 1.15
    bins = np.geomspace(low * 0.9, high, 90)
    for colour, (name, values) in zip(cycle(COLOURS), series.items(), strict=False):
        share = np.full(len(values), 100 / len(values))
        axes.hist(
            np.clip(values, bins[0], bins[-1]),
            bins,
            weights=share,
            color=colour,
            alpha=0.65,
            label=in_drawing(name),
            lw=0,
        )
        axes.axvline(float(np.percentile(values, 50)), color=colour, lw=1, ls=(0, (2, 2)))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.set_xlabel(f"microseconds per {per} (dashed: median; last bin: everything slower)")
    axes.set_ylabel("% of calls")
    if len(series) > 1:
        _legend_above(axes)
    return as_svg(figure)


def slowest_over_time(series: Mapping[str, Sequence[float]], deadline_us: float | None) -> str:
    """The slowest push of each stretch of a run, in order, microseconds; the deadline as a line."""
    figure, axes = blank_figure(7.2, 2.4)
    for colour, (name, values) in zip(cycle(COLOURS), series.items(), strict=False):
        place = np.linspace(0, 100, len(values))
        axes.scatter(place, values, s=4, color=colour, lw=0, label=in_drawing(name), rasterized=True)
    _deadline(axes.axhline, deadline_us)
    axes.set_yscale("log")
    axes.set_xlabel("percent of the run (the slowest push of each stretch)")
    axes.set_ylabel("microseconds")
    axes.yaxis.set_major_formatter("{x:g}")
    _legend_above(axes)
    return as_svg(figure)


def cumulative(series: Mapping[str, Array], deadline_us: float | None) -> str:
    """Which share of the pushes took longer than a time: both axes logarithmic, so that the tail is seen."""
    figure, axes = blank_figure(7.2, 2.9)
    for colour, (name, values) in zip(cycle(COLOURS), series.items(), strict=False):
        # Each value once: the drawing of a million pushes is no larger than that of a thousand.
        ordered, counts = np.unique(values, return_counts=True)
        longer = 1 - (np.cumsum(counts) - counts) / len(values)
        axes.step(ordered, longer * 100, where="post", color=colour, lw=1.6, label=in_drawing(name))
    _deadline(axes.axvline, deadline_us)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g} %")
    axes.set_xlabel("microseconds")
    axes.set_ylabel("pushes that took longer")
    _legend_above(axes)
    return as_svg(figure)


def _legend_above(axes: Any) -> None:
    """Where nothing is drawn."""
    handles, names = axes.get_legend_handles_labels()
    columns = max(1, min(3, 90 // max(map(len, names))))
    place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0}
    axes.legend(handles, names, frameon=False, labelcolor=_GREY, fontsize=8, ncols=columns, **place)


def _deadline(line: Any, deadline_us: float | None) -> None:
    if deadline_us is not None:
        line(deadline_us, color=COLOURS[4], lw=1.2, ls=(0, (4, 2)), label="deadline")


def latency_bars(names: Sequence[str], p50_us: Sequence[float], p99_us: Sequence[float]) -> str:
    """Median latency per contender as bars, with the 99th percentile as a mark.

    Logarithmic where the slowest takes so long that the bar of the fastest could not be seen.
    """
    figure, axes = blank_figure(7.2, 0.5 + 0.38 * len(names))
    places = np.arange(len(names))[::-1]
    colours = [COLOURS[0] if name.startswith("rnnedge") else COLOURS[5] for name in names]
    axes.barh(places, p50_us, color=colours, height=0.62, lw=0)
    axes.scatter(p99_us, places, marker="|", s=90, color=COLOURS[1], lw=2, label="99th percentile")
    for place, median, tail in zip(places, p50_us, p99_us, strict=True):
        beside = {"xytext": (6, 0), "textcoords": "offset points", "va": "center", "color": _GREY, "fontsize": 8}
        axes.annotate(f"{median:.1f}, p99 {tail:,.1f}", (max(median, tail), place), **beside)
    axes.set_yticks(places, list(map(in_drawing, names)))
    fastest, slowest = min(p50_us), max(*p50_us, *p99_us)
    if slowest > _SEEN * fastest > 0:
        axes.set_xscale("log")
        # Room for the numbers at the right: a fifth of the axis.
        axes.set_xlim(fastest / 2, slowest * (2 * slowest / fastest) ** 0.25)
        axes.xaxis.set_major_formatter("{x:g}")
    else:
        axes.set_xlim(0, slowest * 1.25)
    axes.set_xlabel("microseconds per frame (bar: median)")
    _legend_above(axes)
    return as_svg(figure)


def probabilities_over_time(probabilities: Array, labels: Sequence[str], target: int, frame_ms: float) -> str:
    """Probability of every label (time, label) as frames come in; the right one thick, the others thin."""
    figure, axes = blank_figure(7.2, 2.6)
    time_ms = (np.arange(len(probabilities)) + 1) * frame_ms
    for index, label in enumerate(labels):
        right = index == target
        axes.plot(
            time_ms,
            probabilities[:, index],
            color=COLOURS[0] if right else _GREY,
            lw=2.4 if right else 0.9,
            alpha=1.0 if right else 0.6,
            marker="o" if right else None,
            ms=3,
            label=f"{in_drawing(label)}, who speaks" if right else ("the others" if index == (target == 0) else None),
        )
    axes.set_xlabel("milliseconds of speech heard")
    axes.set_ylabel("probability")
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, labelcolor=_GREY, loc="center right", fontsize=8)
    return as_svg(figure)


def blank_figure(width: float, height: float) -> tuple[Any, Any]:
    """A figure of that many inches with grey axes; raises `MissingExtra` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("an HTML report needs matplotlib; install 'rnnedge[report]'") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GREY)
    axes.tick_params(which="both", colors=_GREY, labelsize=8)
    axes.xaxis.label.set(color=_GREY, size=8)
    axes.yaxis.label.set(color=_GREY, size=8)
    return figure, axes


def plain_type(figure: Any, settings: Any = None) -> Any:
    """A context to draw `figure` in: no text of it is given to TeX, whatever matplotlib's own settings say."""
    from matplotlib import rc_context
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_usetex(False)
    return rc_context({**(settings or {}), "text.usetex": False})


def as_svg(figure: Any) -> str:
    """The figure as an <svg> element whose text is text, without a date."""
    buffer = io.StringIO()
    with plain_type(figure, {"svg.fonttype": "none", "svg.hashsalt": "rnnedge", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
