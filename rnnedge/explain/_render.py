"""An explanation as one self-contained page, as pictures, and as arrays."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnedge.explain._explanation import Explanation
from rnnedge.explain._pictures import sections_of, time_label
from rnnedge.report.plots import as_svg
from rnnedge.report.state_plots import as_png
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.atomic import make_folder, write_bytes, write_text


@checked
def write_page(found: Explanation, path: str | os.PathLike[str]) -> Path:
    """One HTML file that needs nothing next to it; raises `MissingExtra` where matplotlib or jinja2 is missing."""
    from rnnedge.report.page import render

    sections = list(sections_of(found))
    page = render(
        "explain.html.j2",
        name=Path(found.recording.source).name,
        lead=_lead(found),
        cards=list(_cards(found)),
        sections=sections,
        drawings={p.key: as_svg(p.figure) for section in sections for p in section.pictures},
        left_out=found.left_out,
    )
    return write_text(path, page)


@checked
def write_pictures(found: Explanation, folder: str | os.PathLike[str]) -> list[Path]:
    """Every picture of the page as a PNG, numbered in its order."""
    make_folder(folder)
    pictures = [picture for section in sections_of(found) for picture in section.pictures]
    return [
        write_bytes(Path(folder) / f"{number:02d}-{_file_name(picture.key)}.png", as_png(picture.figure))
        for number, picture in enumerate(pictures, 1)
    ]


@checked
def write_arrays(found: Explanation, path: str | os.PathLike[str]) -> Path:
    """Every array by name, as a compressed NPZ."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **dict(found.arrays()))  # type: ignore[arg-type]
    return write_bytes(path, buffer.getvalue())


def _lead(found: Explanation) -> str:
    recording = found.recording
    frames = f"{recording.length} frames of {recording.frames.shape[1]} numbers"
    if recording.frame_rate_hz:
        frames += f", {recording.length / recording.frame_rate_hz:.3g} s"
    value = recording.outputs[found.target.output][found.target.frame, found.target.unit]
    return (
        f"{frames}, read once from the first to the last. Explained is {found.target.label} = {value:.4g} at frame "
        f"{found.target.frame}. Time is counted in {time_label(recording).replace('frame', 'frames', 1)}, from 0."
    )


def _cards(found: Explanation) -> Iterator[tuple[str, str]]:
    for one in found.attributions[:1]:
        frame = int(one.by_frame.argmax())
        yield f"frame {frame}", f"mattered most for {found.target.label} ({one.method})"
    if found.reach is not None:
        far = found.reach.length(0.01)
        yield (f"{far} frames" if far is not None else f"> {len(found.reach.norms)} frames",
               "back, the gradient falls below 1 %")  # fmt: skip
    for layer in found.layers[-1:]:
        if layer.gate_half_life is not None:
            yield f"{np.median(layer.gate_half_life):.3g} frames", f"half-life of the middle unit of {layer.layer.name}"
        gates = [one.share for one in layer.saturation if one.value.endswith("gate")]
        if gates:
            yield f"{np.mean(gates):.0%}", f"of the gates of {layer.layer.name} are at an end of their range"
        yield (
            f"{layer.trajectory.dimensions} of {layer.layer.units}",
            f"directions hold 95 % of the movement of {layer.layer.name}",
        )


def _file_name(key: str) -> str:
    return re.sub(r"[^\w.-]+", "-", key, flags=re.ASCII)[:60]
