"""The pictures of an explanation, each with the sentence that says what to look for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnedge.explain._attribution import Attribution
from rnnedge.explain._explanation import Explanation, Findings
from rnnedge.explain._recording import Layer, Recording
from rnnedge.explain.captions import reach_words
from rnnedge.explain.gates import TANH_STATES, gate_of, kept_share
from rnnedge.report import state_plots as plots
from rnnedge_runtime.contract import Array

# Outputs that are drawn as lines; more of them are a heat map.
_LINES = 6
# Shorter sequences are always shown whole.
_FEW_FRAMES = 40


@dataclass(frozen=True, eq=False)
class Picture:
    """`key` names its file; `figure` is matplotlib's."""

    key: str
    title: str
    says: str
    figure: Any


@dataclass(frozen=True)
class Section:
    """Some pictures under a heading."""

    title: str
    says: str
    pictures: tuple[Picture, ...]


def sections_of(found: Explanation) -> Iterator[Section]:
    """Everything there is to see, in the order of a page."""
    yield Section("What went in, and what came out", "", tuple(_ports(found)))
    yield Section(
        f"What mattered for {found.target.label}",
        f"The number that is explained is {found.target.label} of output {found.target.output!r} at frame "
        f"{found.target.frame}. Every share is a difference from a baseline, which stands for “nothing happened”: "
        f"{found.attributions[0].baseline}. Another baseline asks another question.",
        tuple(picture for one in found.attributions for picture in _shares(one, found.recording)),
    )
    if found.reach is not None:
        yield Section("How far back the network looks", "", (_reach(found),))
    for one in found.layers:
        layer = one.layer
        yield Section(f"Layer {layer.name}: {layer.units} units, {layer.cell}", "", tuple(_layer(one, found.recording)))


def time_label(recording: Recording) -> str:
    """Such as "frame (6.4 ms each)"."""
    rate = recording.frame_rate_hz
    return f"frame ({1000 / rate:.4g} ms each)" if rate else "frame"


def _ports(found: Explanation) -> Iterator[Picture]:
    recording, label = found.recording, time_label(found.recording)
    inputs = recording.frames.astype(np.float64)
    yield Picture(
        "input", "Input.", "Every row is a feature, time goes from left to right. Compare the pictures below with it: "
        "what changes here should be seen there.",
        plots.heat_map(inputs, None, None, time_label=label, row_label="feature", rows=recording.features),
    )  # fmt: skip
    for name, values in recording.outputs.items():
        here = found.target.frame if name == found.target.output else None
        if len(values) == 1:
            continue
        rows = recording.labels if len(recording.labels) == values.shape[1] else ()
        says = "Dashed: the frame that is explained. Look when the output settles, and after which input."
        if values.shape[1] <= _LINES:
            lines = {rows[i] if rows else f"{name}[{i}]": values[:, i] for i in range(values.shape[1])}
            figure = plots.lines_over_time(lines, time_label=label, value_label=name, mark=here)
        else:
            figure = plots.heat_map(values, None, None, time_label=label, row_label="value", rows=rows, mark=here)
        yield Picture(f"output-{name}", f"Output {name}.", says, figure)


def _shares(one: Attribution, recording: Recording) -> Iterator[Picture]:
    label = time_label(recording)
    integrated = one.method != "occlusion"
    says = (
        f"Red raised the output, blue lowered it. The shares add up to {one.shares.sum():+.4g}; the output is "
        f"{one.output:.4g}, at the baseline {one.baseline_output:.4g}, a difference of {one.difference:+.4g}."
        if integrated
        else f"How much the output falls when the input is replaced by the baseline, {one.detail}. Where it agrees "
        "with the picture above, trust both; where it does not, several inputs act only together."
    )
    key, title, part = one.method.replace(" ", "-"), one.method.capitalize(), stretch(one.by_frame)
    if part.stop - part.start < len(one.shares):
        title += f", frames {part.start} to {part.stop - 1}, which have all of it"
    if one.shares.shape[1] > 1:
        names = recording.features if len(recording.features) == one.shares.shape[1] else ()
        shown = {"time_label": label, "row_label": "feature", "rows": names, "first": part.start}
        figure = plots.heat_map(one.shares[part], None, None, **shown)
        yield Picture(f"{key}-features", f"{title}, every feature.", says, figure)
        says = "The same, summed over the features: a few tall bars are an event, a flat row is an average over time."
    sums = one.shares.sum(axis=1) if integrated or "one feature" in one.detail else one.shares[:, 0]
    figure = plots.frame_bars(sums[part], time_label=label, value_label="share", first=part.start)
    yield Picture(f"{key}-frames", f"{title}, every frame.", says, figure)


def stretch(by_frame: Array) -> slice:
    """The frames that hold all but a thousandth of the magnitude, where that is a small part of a long sequence."""
    length, total = len(by_frame), float(by_frame.sum())
    if length <= _FEW_FRAMES or total == 0:
        return slice(0, length)
    sums = np.cumsum(by_frame) / total
    first, last = int(np.searchsorted(sums, 0.0005)), int(np.searchsorted(sums, 0.9995))
    margin = max(3, (_FEW_FRAMES - (last - first)) // 2)
    start, stop = max(0, first - margin), min(length, last + margin + 1)
    return slice(start, stop) if stop - start < length // 2 else slice(0, length)


def _reach(found: Explanation) -> Picture:
    reach = found.reach
    assert reach is not None
    says = (
        f"{reach_words(reach)} A straight slope on this scale is a memory that fades by the same share every frame; a "
        "bump far to the right is an event that is held."
    )
    figure = plots.gradient_over_distance(reach.relative, reach.length(0.5), reach.length(0.01))
    return Picture("reach", "Gradient over distance in time.", says, figure)


def _layer(found: Findings, recording: Recording) -> Iterator[Picture]:
    layer, label = found.layer, time_label(recording)
    if len(layer.hidden) != recording.length:
        label = f"frame of this layer, {len(layer.hidden)} for {recording.length} of the input"
    for name, values in layer.states.items():
        yield Picture(
            f"{layer.name}-{name}", f"{name.replace('_', ' ').capitalize()} state.", _state_words(name),
            plots.heat_map(values, *_state_range(name, layer), time_label=label),
        )  # fmt: skip
    for name, values in layer.gates.items():
        gate = gate_of(layer, name)
        title = f"{name.replace('_', ' ').capitalize()} {gate.letter}."
        figure = plots.heat_map(values, gate.low, gate.high, time_label=label)
        yield Picture(f"{layer.name}-{name}", title, gate.says[:1].upper() + gate.says[1:] + ".", figure)
    if any(one.share > 0 for one in found.saturation):
        yield _saturation(found)
    yield from _half_lives(found, len(layer.hidden))
    if len(layer.hidden) > 2 and layer.units > 1:
        path = found.trajectory
        yield Picture(
            f"{layer.name}-trajectory", "The way of the state.", f"{path.dimensions} directions hold 95 % of the "
            f"movement of {layer.units} units. A point where the line comes to rest is a decision; loops are a rhythm; "
            "a jump is a frame that changed the network's mind.",
            plots.trajectory_plot(path.points, path.explained, label),
        )  # fmt: skip


def _state_words(name: str) -> str:
    if name == "cell":
        return (
            "What the cell holds, which has no bounds. A row that steps up and stays there counts or remembers; one "
            "that grows without end will saturate in a longer sequence."
        )
    return (
        "What the layer hands on. A row that changes its colour once and keeps it remembers an event; one that follows "
        "the input remembers nothing; one of a single colour is idle."
    )


def _state_range(name: str, layer: Layer) -> tuple[float | None, float | None]:
    bounded = name == "hidden" and layer.cell in TANH_STATES and abs(layer.states[name]).max(initial=0) <= 1
    return (-1.0, 1.0) if bounded else (None, None)


def _saturation(found: Findings) -> Picture:
    shares = {one.value: (one.low, one.high) for one in found.saturation if one.share > 0}
    ends = {
        one.value: ("below -0.9", "above 0.9") if one.signed else ("below 0.1, shut", "above 0.9, open")
        for one in found.saturation
    }
    stuck = {one.value: len(one.constant_units) for one in found.saturation if len(one.constant_units)}
    words = ", ".join(f"{count} of {name.replace('_', ' ')}" for name, count in stuck.items()) or "none"
    says = (
        "A unit that is at an end all the time is a constant there, and learns no more through it; a little of both is "
        f"what a gate is for. Units that stand at one end in 95 % of the frames: {words}."
    )
    figure = plots.saturation_bars(shares, ends)
    return Picture(f"{found.layer.name}-saturation", "Saturation.", says, figure)


def _half_lives(found: Findings, length: int) -> Iterator[Picture]:
    series = {}
    if found.gate_half_life is not None:
        kept = kept_share(found.layer)
        assert kept is not None
        series[f"by the {kept[0].replace('_', ' ')} alone"] = found.gate_half_life
    if found.decay is not None:
        measured = np.full(found.layer.units, np.nan)
        if len(measured) > int(found.decay.units.max()):
            measured[found.decay.units] = found.decay.half_life
            series["measured, by a push"] = measured
    if not series:
        return
    middle = float(np.median(next(iter(series.values()))))
    says = (
        f"After how many frames a unit has lost half of what it held; the middle one after {middle:.3g}. Units above "
        "the dashed line hold on for longer than this sequence. "
    )
    if len(series) == 2:
        says += (
            "Where the measured one lies above the gate's, other units feed the value back; where it lies below, the "
            "recurrent weights push it away. A measured one at the top edge was not lost within the sequence."
        )
    figure = plots.half_life_dots(series, length)
    yield Picture(f"{found.layer.name}-half-life", "Half-life of the memory.", says, figure)
