"""What the demo found: per form, as rows, as JSON data, as a page."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnedge_runtime.contract import Array
from rnnedge_runtime.measure import percentile

# The row of the engine that rnnedge brings along; the other rows named rnnedge run in onnxruntime.
NATIVE_ENGINE = "rnnedge step, native engine"


@dataclass(frozen=True)
class FormResult:
    """One form of the network: the file, the proof, and what streaming the test utterances gave.

    `parity_error`, `drift_error`: largest difference from PyTorch at several lengths and batch sizes, and over 10,000
    chained frames.
    `agreeing`: decisions that equal PyTorch's, out of as many as there are utterances.
    """

    form: str
    path: str
    size_bytes: int
    digest: str
    parity_error: float
    drift_error: float
    accuracy: float
    agreeing: int


@dataclass(frozen=True, eq=False)
class Contender:
    """Time of every call in microseconds, float64 (calls,), of one way to run the network."""

    name: str
    call_us: Array
    frames_per_call: int

    @property
    def p50_us(self) -> float:
        """Median per frame."""
        return percentile(self.call_us, 50) / self.frames_per_call

    @property
    def p99_us(self) -> float:
        """99th percentile per frame."""
        return percentile(self.call_us, 99) / self.frames_per_call


@dataclass(frozen=True, eq=False)
class Utterance:
    """Softmax of the streamed scores of one test utterance, float64 (time, label), and the label that is right."""

    probabilities: Array
    target: int


@dataclass(frozen=True, eq=False)
class Demo:
    """One walk down the whole road."""

    task: str
    network: str
    utterances: int
    frame_ms: float
    pytorch_accuracy: float
    labels: tuple[str, ...]
    forms: tuple[FormResult, ...]
    contenders: tuple[Contender, ...]
    example: Utterance
    seconds: dict[str, float]
    host: dict[str, str]

    @property
    def agrees(self) -> bool:
        """Whether every form decided every utterance as PyTorch does."""
        return all(form.agreeing == self.utterances for form in self.forms)

    @property
    def plain(self) -> Contender:
        """`session.run` on a plain torch.onnx export, which the ratios refer to."""
        return next(c for c in self.contenders if c.name.startswith("session.run"))

    def ratio(self, contender: Contender) -> float:
        """Median of `contender` over the median of the plain export: below 1 is faster."""
        return contender.p50_us / self.plain.p50_us

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        kept = ("task", "network", "utterances", "frame_ms", "pytorch_accuracy", "labels", "seconds", "host")
        latency = [
            {
                "name": c.name,
                "frames_per_call": c.frames_per_call,
                "p50_us_per_frame": c.p50_us,
                "p99_us_per_frame": c.p99_us,
                "ratio_to_plain_export": self.ratio(c),
            }
            for c in self.contenders
        ]
        fields = {name: getattr(self, name) for name in kept}
        return {**fields, "forms": [vars(form) for form in self.forms], "latency": latency}


def write_html(demo: Demo, path: str | os.PathLike[str]) -> Path:
    """Draw the report; raises `MissingExtra` where matplotlib or jinja2 is missing."""
    from rnnedge.report.flow_picture import draw
    from rnnedge.report.page import render
    from rnnedge.report.plots import latency_bars, latency_histogram, probabilities_over_time
    from rnnedge_export.time_flow import read_time_flow
    from rnnedge_runtime import load
    from rnnedge_runtime.atomic import write_text

    file = Path(demo.forms[0].path)
    flow = read_time_flow(file.read_bytes(), load(file).contract)
    names = [c.name for c in demo.contenders]
    page = render(
        "demo.html.j2",
        demo=demo,
        graph=draw(flow, file.name),
        bars=latency_bars(names, [c.p50_us for c in demo.contenders], [c.p99_us for c in demo.contenders]),
        histogram=latency_histogram({c.name: c.call_us / c.frames_per_call for c in demo.contenders}, "frame"),
        decision=probabilities_over_time(demo.example.probabilities, demo.labels, demo.example.target, demo.frame_ms),
    )
    return write_text(path, page)
