"""What the tasks reach, streamed from their exported files, beside what has to be beaten.

`python -m bench.tasks RUNS` reads the run folders RUNS/speech, RUNS/series, RUNS/series-trend, RUNS/text and RUNS/image
that `rnnedge train` made, exports each, streams its test data, and writes the figures of docs/tasks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

import rnnedge
from bench import anomaly
from bench.forecasts import autoregression, rmse, seasonal
from bench.pages import FIGURES, publish, table
from bench.task_plots import confusion_matrix, forecast, learning_curves
from rnnedge.sources import load_source
from rnnedge.tasks import image, series, series_trend, speech, text
from rnnedge.tasks.forecasting import Forecast, errors, persistence, streamed
from rnnedge.tasks.score import decisions
from rnnedge.training import SequenceData
from rnnedge.training.log import read_log
from rnnedge.training.splits import Splits
from rnnedge_runtime import Model, load
from rnnedge_runtime.atomic import make_folder, write_text
from rnnedge_runtime.contract import Array

PICTURES = FIGURES / "tasks"
_AROUND = 40
_PIECE = 256
HEADS = ("task", "measured on the test data, streamed", "found", "to beat")


def main(runs: Path) -> None:
    """Export, stream, draw, and write the table."""
    rows: list[tuple[str, ...]] = []
    for name, figures in TASKS.items():
        print(f"measuring {name}", file=sys.stderr)
        folder = runs / name
        source = load_source(str(folder))
        report = rnnedge.export(source.module, source.example, runs / f"{name}.onnx", labels=source.labels)
        epochs = read_log(folder)
        best = min(epochs, key=lambda epoch: epoch.validation_loss).number
        write_text(make_folder(PICTURES) / f"{name}-curves.svg", learning_curves(epochs, best))
        rows += figures(load(report.path))
    publish("tasks.md", table(HEADS, rows), "Computed by `python -m bench.tasks`.")


def _classes(name: str, wanted: str, make: Callable[[], Splits]) -> Callable[[Model], Iterator[tuple[str, ...]]]:
    def figures(model: Model) -> Iterator[tuple[str, ...]]:
        test = make().test
        found = decisions(test)(model)
        expected = np.asarray(test.targets)
        write_text(PICTURES / f"{name}-confusion.svg", confusion_matrix(expected, found, test.labels))
        yield name, f"accuracy, {len(test)} sequences", f"{np.mean(found == expected):.1%}", wanted

    return figures


def _forecasts(name: str, task: ModuleType, order: int, period: int) -> Callable[[Model], Iterator[tuple[str, ...]]]:
    def figures(model: Model) -> Iterator[tuple[str, ...]]:
        held, first = task.held_out(), task.WARMUP
        known = [task.ecg()[: task.TEST]] if task is series else list(task.growth()[:, : task.TEST])
        linear = autoregression(known, order)
        ours = streamed(model, task.features, task.reference)
        rivals: dict[str, Forecast] = {"persistence": persistence, f"AR({order})": linear}
        if period:
            rivals[f"the same {period} frames ago"] = seasonal(period)
        others = ", ".join(f"{rival} {rmse(f, held, first):.4g}" for rival, f in rivals.items())
        frames = len(errors(ours, held, first))
        yield name, f"root mean squared error, {frames:,} frames", f"{rmse(ours, held, first):.4g}", others
        # The liveliest series, around its highest frame.
        x = max(held, key=lambda one: float(one[first:].sum()))
        top = int(x[1:][first:].argmax()) + first
        shown = slice(max(top - _AROUND, first), top + _AROUND)
        drawn = {"network": ours(x)[:-1][shown], f"AR({order})": linear(x)[:-1][shown]}
        write_text(PICTURES / f"{name}-forecast.svg", forecast(x[1:][shown], drawn))
        if task is series:
            recordings = anomaly.disturbed(x, float(np.diff(known[0]).std()), 60, first + 8)
            areas = [anomaly.detection(f, recordings, first) for f in (ours, linear)]
            what = "anomalies: area under the ROC curve, 60 recordings"
            yield name, what, f"{areas[0]:.3f}", f"AR({order}) {areas[1]:.3f}"

    return figures


def _bits_per_character(data: SequenceData) -> Callable[[Model], Array]:
    """-log2 of the probability that a streamed file gives to each next character (character,), each text from a reset.

    `data`: tokens of the same labels as the file's.
    """

    def score(model: Model) -> Array:
        stream = model.stream()
        bits = []
        for tokens, following in zip(data.frames, data.targets, strict=True):
            stream.reset()
            for start in range(0, len(tokens), _PIECE):
                y = np.asarray(stream.push(tokens[start : start + _PIECE]), np.float64)
                bits.append(_surprise(y, following[start : start + _PIECE]))
        return np.concatenate(bits)

    return score


def _surprise(y: Array, following: Array) -> Array:
    """Scores y (time, label), what came (time,) -> bits (time,)."""
    highest = y.max(axis=1, keepdims=True)
    normalizer = highest[:, 0] + np.log(np.exp(y - highest).sum(axis=1))
    bits: Array = (normalizer - y[np.arange(len(y)), following]) / np.log(2)
    return bits


def _text(model: Model) -> Iterator[tuple[str, ...]]:
    splits = text.load()
    bits = float(_bits_per_character(splits.test)(model).mean())
    yield "text", f"bits per character, {splits.test.length:,} characters", f"{bits:.3f}", "1.9"


TASKS: dict[str, Callable[[Model], Iterator[tuple[str, ...]]]] = {
    "speech": _classes("speech", "97 %", speech.load),
    "image": _classes("image", "97 %", image.load),
    "series": _forecasts("series", series, series.WARMUP, 0),
    "series-trend": _forecasts("series-trend", series_trend, series_trend.WARMUP, series_trend.WEEK),
    "text": _text,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
