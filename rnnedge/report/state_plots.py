"""Drawings of what happens inside a network over time: each function gives a figure, for a page or for a file."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnedge.report.escape import in_drawing
from rnnedge.report.plots import COLOURS, blank_figure, plain_type
from rnnedge_runtime.contract import Array

_GREY = "#7d8899"
_WIDTH = 7.2
# Inches; a layer of any size is a picture of at least the first and at most the second.
_LOWEST, _HIGHEST = 1.7, 4.2
_MOST_COLUMNS, _MOST_BARS = 2000, 500
_FEW_FRAMES = 40
# Letters of a name next to a small drawing.
_SHORT = 24


def heat_map(
    values: Array, low: float | None, high: float | None, *, time_label: str, row_label: str = "unit",
    rows: Sequence[str] = (), mark: int | None = None, first: int = 0,
) -> Any:  # fmt: skip
    """`values` (time, row) with time from left to right; symmetric around 0 in blue and red where `low` is below 0.

    Without `low` and `high` the range is that of the values. `rows`: names of the rows. `mark`: a frame to point at.
    `first`: the number of the first frame that is shown.
    """
    count = values.shape[1]
    height = 0.7 + (0.15 if rows else 0.055) * count
    figure, axes = blank_figure(_WIDTH, float(np.clip(height, _LOWEST, _HIGHEST)))
    length = len(values)
    # Of a long sequence a column is the mean of several frames.
    width = -(-length // _MOST_COLUMNS)
    if width > 1:
        values = np.add.reduceat(values, range(0, length, width)) / np.diff([*range(0, length, width), length])[:, None]
    signed = low < 0 if low is not None else bool(values.min(initial=0) < 0)
    size = float(np.abs(values).max(initial=0.0)) or 1.0
    bottom, top = (-size if signed else 0.0, size) if low is None or high is None else (low, high)
    image = axes.imshow(
        values.T, aspect="auto", interpolation="nearest", origin="upper", cmap="RdBu_r" if signed else "viridis",
        vmin=bottom, vmax=top, extent=(first - 0.5, first + length - 0.5, count - 0.5, -0.5),
    )  # fmt: skip
    axes.set_xlabel(time_label)
    if rows:
        axes.set_yticks(range(count), [in_drawing(name, _SHORT) for name in rows])
    else:
        axes.set_ylabel(row_label)
        axes.yaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if mark is not None:
        axes.axvline(mark, color=COLOURS[1], lw=1.2, ls=(0, (3, 2)))
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=_GREY, labelsize=7)
    return figure


def saturation_bars(shares: Mapping[str, tuple[Array, Array]], ends: Mapping[str, tuple[str, str]]) -> Any:
    """Of every value a row: the units, sorted, as bars of the share of frames at the lower and at the upper end."""
    figure, all_axes = _column(len(shares), 1.05)
    for axes, (name, (low, high)) in zip(all_axes, shares.items(), strict=True):
        order = np.argsort(high - low)
        places = np.arange(len(order))
        axes.bar(places, 100 * high[order], width=1.0, color=COLOURS[1], lw=0, label=ends[name][1])
        axes.bar(places, -100 * low[order], width=1.0, color=COLOURS[0], lw=0, label=ends[name][0])
        axes.axhline(0, color=_GREY, lw=0.6)
        axes.set_ylim(-102, 102)
        axes.set_yticks([-100, 0, 100], ["100 %", "0", "100 %"])
        axes.set_xlim(-0.5, len(order) - 0.5)
        axes.set_xticks([])
        axes.set_title(in_drawing(name.replace("_", " ")), loc="left", fontsize=8, color=_GREY)
        handles, names = axes.get_legend_handles_labels()
        axes.legend(
            handles[::-1], names[::-1], frameon=False, labelcolor=_GREY, fontsize=7, ncols=2, loc="lower right",
            bbox_to_anchor=(1, 0.97), borderaxespad=0,
        )  # fmt: skip
    all_axes[-1].set_xlabel("units, sorted; how many percent of the frames each of them is at an end of its range")
    return figure


def half_life_dots(series: Mapping[str, Array], length: int) -> Any:
    """Half-lives in frames, sorted by the first series; an infinite one stands at the top, a NaN nowhere."""
    figure, axes = blank_figure(_WIDTH, 2.5)
    finite = np.concatenate([values[np.isfinite(values)] for values in series.values()])
    endless = any(np.isposinf(values).any() for values in series.values())
    top = float(finite.max(initial=1.0)) * 3
    if endless or length < 3 * top:
        top = max(top, length * 1.6)
    bottom = max(min(float(finite.min(initial=1.0)), 1.0), 0.05) * 0.8
    top = max(top, 12 * bottom)
    order = np.argsort(next(iter(series.values())))
    for (name, values), colour, marker in zip(series.items(), (COLOURS[0], COLOURS[1]), ("o", "x"), strict=False):
        shown = np.where(np.isposinf(values), top, values)[order]
        axes.scatter(np.arange(len(order)), np.clip(shown, bottom, top), s=14, color=colour, marker=marker,
                     lw=1 if marker == "x" else 0, label=in_drawing(name), clip_on=False, zorder=3)  # fmt: skip
    if length < top:
        axes.axhline(length, color=_GREY, lw=0.8, ls=(0, (3, 2)))
        axes.annotate("length of this sequence", (0, length), xytext=(2, 2), textcoords="offset points", fontsize=7,
                      color=_GREY)  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_ylabel("frames")
    axes.set_xlabel("units, sorted")
    axes.legend(frameon=False, labelcolor=_GREY, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=2,
                borderaxespad=0)  # fmt: skip
    return figure


def lines_over_time(series: Mapping[str, Array], *, time_label: str, value_label: str, mark: int | None = None) -> Any:
    """Some lines over the frames, such as the outputs."""
    figure, axes = blank_figure(_WIDTH, 2.1)
    for index, (name, values) in enumerate(series.items()):
        single = {"marker": "o", "ms": 3} if len(values) < 40 else {}
        axes.plot(values, color=COLOURS[index % len(COLOURS)], lw=1.3, label=in_drawing(name, _SHORT), **single)
    if mark is not None:
        axes.axvline(mark, color=COLOURS[1], lw=1.2, ls=(0, (3, 2)))
    axes.set_xlabel(time_label)
    axes.set_ylabel(in_drawing(value_label, _SHORT))
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(series) > 1:
        axes.legend(frameon=False, labelcolor=_GREY, fontsize=7, ncols=min(6, len(series)), loc="lower right",
                    bbox_to_anchor=(1, 1), borderaxespad=0)  # fmt: skip
    return figure


def frame_bars(shares: Array, *, time_label: str, value_label: str, first: int = 0) -> Any:
    """One number a frame, signed or not, as bars; `first`: the number of the first frame."""
    figure, axes = blank_figure(_WIDTH, 1.7)
    length = len(shares)
    # Of a long sequence a bar is the sum of several frames.
    width = -(-length // _MOST_BARS)
    sums = np.add.reduceat(shares, range(0, length, width))
    colours = [COLOURS[4] if value >= 0 else COLOURS[0] for value in sums]
    axes.bar(first + np.arange(0, length, width), sums, width=0.9 * width, color=colours, lw=0)
    axes.axhline(0, color=_GREY, lw=0.6)
    axes.set_xlim(first - 0.6, first + length - 0.4)
    axes.set_xlabel(time_label)
    axes.set_ylabel(in_drawing(value_label, _SHORT))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def gradient_over_distance(relative: Array, half: int | None, hundredth: int | None) -> Any:
    """The gradient as a share of its largest value, over the distance in time; logarithmic."""
    figure, axes = blank_figure(_WIDTH, 2.4)
    floor = 1e-6
    # Beyond three times the reach there is nothing to see.
    if hundredth is not None:
        relative = relative[: max(_FEW_FRAMES, 3 * hundredth)]
    axes.plot(
        np.clip(relative, floor, None), color=COLOURS[0], lw=1.6, marker="o" if len(relative) < 60 else None, ms=3
    )
    for share, place, text in ((0.5, half, "half"), (0.01, hundredth, "1 %")):
        axes.axhline(share, color=_GREY, lw=0.7, ls=(0, (3, 2)))
        axes.annotate(text, (1, share), xycoords=("axes fraction", "data"), xytext=(-2, 2), textcoords="offset points",
                      ha="right", fontsize=7, color=_GREY)  # fmt: skip
        if place is not None:
            axes.axvline(place, color=COLOURS[1], lw=1)
            axes.annotate(str(place), (place, 1), xycoords=("data", "axes fraction"), xytext=(2, -8),
                          textcoords="offset points", fontsize=7, color=COLOURS[1])  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(float(np.clip(relative[relative > 0].min(initial=1.0) * 0.5, floor, 0.004)), 1.6)
    axes.set_xlabel("distance into the past, frames")
    axes.set_ylabel("size of the gradient")
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def trajectory_plot(points: Array, explained: Array, time_label: str) -> Any:
    """The way through the plane of two components, coloured by time from dark to bright."""
    figure, axes = blank_figure(_WIDTH * 0.72, 3.6)
    axes.plot(points[:, 0], points[:, 1], color=_GREY, lw=0.7, alpha=0.7, zorder=1)
    dots = axes.scatter(points[:, 0], points[:, 1], c=np.arange(len(points)), cmap="viridis", s=16, lw=0, zorder=2,
                        rasterized=len(points) > _MOST_COLUMNS)  # fmt: skip
    for index, text in ((0, "first frame"), (len(points) - 1, "last frame")):
        axes.annotate(text, points[index], xytext=(5, 5), textcoords="offset points", fontsize=8, color=_GREY)
    shares = [*explained[:2], 0.0, 0.0]
    axes.set_xlabel(f"first component, {shares[0]:.0%} of the movement")
    axes.set_ylabel(f"second, {shares[1]:.0%}")
    axes.margins(0.12)
    bar = figure.colorbar(dots, ax=axes, pad=0.02, fraction=0.04)
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=_GREY, labelsize=7)
    bar.set_label(time_label, color=_GREY, size=8)
    return figure


def as_png(figure: Any) -> bytes:
    """The figure as a PNG on white, 150 dots an inch; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with plain_type(figure):
        figure.savefig(buffer, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _column(count: int, height: float) -> tuple[Any, list[Any]]:
    """`count` axes below each other."""
    figure, first = blank_figure(_WIDTH, 0.6 + height * count)
    first.remove()
    found = []
    for index in range(count):
        axes = figure.add_subplot(count, 1, index + 1)
        for side in ("top", "right", "bottom"):
            axes.spines[side].set_visible(False)
        axes.spines["left"].set_color(_GREY)
        axes.tick_params(which="both", colors=_GREY, labelsize=7)
        axes.xaxis.label.set(color=_GREY, size=8)
        found.append(axes)
    return figure, found
