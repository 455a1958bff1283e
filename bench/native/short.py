"""The few figures of a run that stand in the README."""

from __future__ import annotations

from bench.native.cells import LIMIT
from bench.native.page import Report, table
from bench.peers.roster import BARE
from rnnedge_runtime.measure import percentile


def short(report: Report) -> str:
    """Real networks and layers: medians of the engine, and how many times as long onnxruntime takes, by passes."""
    rows = []
    for k, one in enumerate(report.runs[0].networks):
        if one.real and one.native_us is not None and one.onnxruntime_us is not None:
            gains = ", ".join(f"{run.networks[k].gain:.1f}" for run in report.runs)
            rows.append((one.name, _us(percentile(one.native_us, 50)), _us(percentile(one.onnxruntime_us, 50)), gains))
    for k, layer in enumerate(report.runs[0].layers):
        own, bare = layer.us(layer.best_name), layer.us(BARE)
        if own is not None and bare is not None:
            both = [(run.layers[k].us(BARE), run.layers[k].us(run.layers[k].best_name)) for run in report.runs]
            gains = ", ".join(f"{(theirs or 0) / (mine or 1):.1f}" for theirs, mine in both)
            rows.append((layer.cell.case.title, _us(own), _us(bare), gains))
    host = ", ".join(f"{name} {report.host[name]}" for name in ("processor", "instructions") if name in report.host)
    over = [layer.us(layer.best_name) / layer.us(LIMIT) for run in report.runs for layer in run.layers]  # type: ignore[operator]
    note = (
        f"Medians of one step, float32, one thread, by `make bench-native` in {len(report.runs)} passes: {host}. "
        f"Layers stay within {max(over):.2f} of a step written by hand for this processor."
    )
    heads = ("one frame", "native engine, µs", "onnxruntime, bare pre-bound, µs", "times")
    return f"{table(heads, rows)}\n\n{note}"


def _us(value: float) -> str:
    return f"{value:.0f}" if value >= 99.5 else f"{value:.3g}"
