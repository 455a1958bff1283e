"""What a run found as Markdown: docs/figures/native.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bench.native.cells import LIMIT, Layer
from bench.native.narrow import HIDDEN, INPUTS, Narrow
from bench.native.networks import Found
from bench.native.pools import ONE_BY_ONE, Gains
from bench.native.sizes import Size
from bench.pages import VERDICT, table, us
from bench.peers.harness import Turns
from rnnedge_runtime.measure import percentile

_OVER_LIMIT, _OVER_ONNXRUNTIME, _ERROR = 1.5, 6.0, 1e-5
_OVER_PLAIN, _NARROW_ERROR = 8.0, 2e-2


_AT_MOST = (
    "At most: the gain of an engine that reads the network's float32 weights once a frame, every second time backwards "
    "as a loop in C does, and computes in no time."
)


@dataclass(frozen=True)
class Run:
    """One pass over everything that is timed."""

    layers: Sequence[Layer]
    networks: Sequence[Found]
    pools: Sequence[Gains]
    narrow: Sequence[Narrow]


@dataclass(frozen=True)
class Report:
    """All passes, sizes, and what they were measured on."""

    runs: Sequence[Run]
    sizes: Sequence[Size]
    host: Mapping[str, str]
    turns: Turns
    flags: str = field(default="")


def page(report: Report) -> str:
    """What is wanted and what was found, then the tables; where two values stand in a cell, they are the two passes."""
    parts = [
        table(("wanted", "found", "kept"), wanted(report)),
        "**Layers called from Python, one frame: p50 / p99, µs**",
        *(_layers(report.runs[0], cell) for cell in ("LSTM", "GRU")),
        "**The library over the limit**: from Python by ctypes, and from C.",
        table(("layer", "from Python", "from C", "limit from C, µs", "its blocking"), _limits(report)),
        "**Example networks, step graph**",
        table(
            ("network", "nodes", "native, µs p50 / p99", "onnxruntime, µs p50 / p99", "gain", "at most"), _timed(report)
        ),
        _AT_MOST,
        _equal(report),
        "**Many sequences on one core, one frame of all**",
        table(("streams", "contender", "µs p50", "times one by one", "of the bound"), _pooled(report)),
        "The bound is the time of the products alone at the rate of a loop of multiply-adds in registers.",
        f"**Weights of fewer bits**, layers of {INPUTS} inputs and {HIDDEN} units, one frame",
        table(
            ("layer", "weights", "bytes", "µs p50 / p99", "times plain float32", "at most", "error"), _narrow(report)
        ),
        "Plain float32 is `session.run` of onnxruntime. The error is the largest of a chained frame.",
        "**Sizes**: what is loaded beside the weights, and seconds from the file to the library.",
        table(("network", "target", "nodes", "weights, bytes", "code, bytes", "s", "wanted", "kept"), _sizes(report)),
        _note(report),
    ]
    return "\n\n".join(part for part in parts if part)


def wanted(report: Report) -> Iterator[tuple[str, ...]]:
    """(what, found, kept) of every figure that was asked for."""
    over = [[layer.us(layer.best_name) / layer.us(LIMIT) for layer in run.layers] for run in report.runs]  # type: ignore[operator]
    names = [layer.cell.case.title for layer in report.runs[0].layers]
    yield _judged(f"a step at most {_OVER_LIMIT:g} of the limit by ctypes, every layer", over, names, _OVER_LIMIT, -1)
    leads = [[_lead(layer) for layer in run.layers] for run in report.runs]
    yield _judged("ahead of every other float32 contender, every layer", leads, names, 1.0, 1)
    real = [[one for one in run.networks if one.real and not one.refused] for run in report.runs]
    gains = [[one.gain for one in found] for found in real]
    yield _judged("real networks 6 times onnxruntime", gains, [one.name for one in real[0]], _OVER_ONNXRUNTIME, 1)
    room = [[one.gain for one in found if one.most >= _OVER_ONNXRUNTIME] for found in real]
    able = [one.name for one in real[0] if one.most >= _OVER_ONNXRUNTIME]
    if len({len(gains) for gains in room}) == 1:
        yield _judged("those of them where reading the weights leaves room for it", room, able, _OVER_ONNXRUNTIME, 1)
    for k, first in enumerate(report.runs[0].pools):
        best = [[max(_gain(run.pools[k], n) for n in run.pools[k].times)] for run in report.runs]
        name = first.pool.title
        yield _judged(f"{name}: {first.pool.wanted:g} times one-by-one session.run", best, [name], first.pool.wanted, 1)
    for name, sign, limit in (("gain", 1, _OVER_PLAIN), ("error", -1, _NARROW_ERROR)):
        what = f"{limit:g} times plain float32" if sign > 0 else f"streamed error below {limit:g}"
        int8 = [[one for one in run.narrow if one.precision == "int8"] for run in report.runs]
        found = [[getattr(one, name) for one in run] for run in int8]
        yield _judged(f"int8 at ({INPUTS}, {HIDDEN}): {what}", found, [one.cell for one in int8[0]], limit, sign)
    errors = [[one.error for one in run.networks if not one.refused] for run in report.runs]
    named = [one.name for one in report.runs[0].networks if not one.refused]
    count = max((one.frames for one in report.runs[0].networks), default=0)
    yield _judged(f"equal to onnxruntime within {_ERROR:g} of the range, {count:,} frames", errors, named, _ERROR, -1)
    refused = [one.name for one in report.runs[0].networks if one.refused]
    yield "every example network", f"{len(refused)} refused" if refused else "all", "**no**" if refused else "yes"
    for size in report.sizes:
        found = size.missing or f"{size.code:,} bytes, {size.seconds:.1f} s"
        yield f"{size.name}, {size.target}: {size.wanted}", found, VERDICT[size.kept]


def _judged(
    what: str, runs: Sequence[Sequence[float]], names: Sequence[str], limit: float, sign: int
) -> tuple[str, str, str]:
    """How many keep it in every pass, and the worst. `sign`: 1 where more is better."""
    if not names:
        return what, "not measured", "open"
    worst = [min(values, key=lambda value: sign * value) for values in zip(*runs, strict=True)]
    kept = sum(sign * value >= sign * limit for value in worst)
    least = min(range(len(worst)), key=lambda k: sign * worst[k])
    return what, f"{kept} of {len(names)}; worst {worst[least]:.2g} at {names[least]}", VERDICT[kept == len(names)]


def _lead(layer: Layer) -> float:
    """The fastest of the others over the engine."""
    own, others = layer.us(layer.best_name), layer.others()
    return (others[0].p50_us or 0.0) / own if own and others else float("nan")


def _layers(run: Run, cell: str) -> str:
    layers = [layer for layer in run.layers if layer.cell.case.cell == cell]
    if not layers:
        return ""
    heads = (cell, *(f"{one.cell.case.input_size},{one.cell.case.hidden_size}" for one in layers), "error")
    rows, missing = [], {}
    for name in layers[0].cell.rows:
        found = [layer.cell.rows[name] for layer in layers]
        timed = [f"{us(r.p50_us)} / {us(r.p99_us)}" if r.p50_us is not None and r.p99_us else "" for r in found]
        if any(timed):
            error = max(r.max_error for r in found if r.max_error is not None)
            rows.append((name, *timed, f"{error:.0e}"))
        else:
            missing[name] = found[0].skipped
    absent = "".join(f"\n- {name}: {why}" for name, why in missing.items())
    return table(heads, rows) + (f"\n\nWithout figures:\n{absent}" if absent else "")


def _limits(report: Report) -> Iterator[tuple[str, ...]]:
    for k, layer in enumerate(report.runs[0].layers):
        all_of = [run.layers[k] for run in report.runs]
        python = ", ".join(f"{one.us(one.best_name) / one.us(LIMIT):.2f}" for one in all_of)  # type: ignore[operator]
        c = ", ".join(f"{one.native_us / one.limit_us:.2f}" for one in all_of)
        yield layer.cell.case.title, python, c, us(layer.limit_us), str(layer.blocking)


def _timed(report: Report) -> Iterator[tuple[str, ...]]:
    for k, one in enumerate(report.runs[0].networks):
        if not one.real:
            continue
        if one.refused:
            yield one.name, "", one.refused.partition("native engine: ")[2] or one.refused, "", "", ""
            continue
        spread = _spread(run.networks[k].gain for run in report.runs)
        assert one.native_us is not None and one.onnxruntime_us is not None
        columns = (_both(one.native_us), _both(one.onnxruntime_us))
        yield one.name, str(one.nodes), *columns, spread, _spread(run.networks[k].most for run in report.runs)


def _equal(report: Report) -> str:
    found = report.runs[0].networks
    taken = [one for one in found if not one.refused]
    if not taken:
        return ""
    told = ", ".join(f"{one.name} {one.error:.0e}" for one in taken)
    lines = [
        f"Largest difference from onnxruntime over {taken[0].frames:,} chained frames, relative to the range of the "
        f"output: {told}."
    ]
    refused = [one for one in found if one.refused]
    if refused:
        listed = "; ".join(
            f"{one.name}: {one.refused.partition('native engine: ')[2] or one.refused}" for one in refused
        )
        lines.append(f"Refused: {listed}.")
    return "\n\n".join(lines)


def _gain(gains: Gains, name: str) -> float:
    return gains.us(ONE_BY_ONE) / gains.us(name)


def _pooled(report: Report) -> Iterator[tuple[str, ...]]:
    for k, gains in enumerate(report.runs[0].pools):
        for name in gains.times:
            spread = _spread(_gain(run.pools[k], name) for run in report.runs)
            yield gains.pool.title, name, us(gains.us(name)), spread, f"{gains.bound_us / gains.us(name):.0%}"
        most = _spread(run.pools[k].us(ONE_BY_ONE) / run.pools[k].bound_us for run in report.runs)
        yield gains.pool.title, "the bound, which nothing surpasses", us(gains.bound_us), most, "100%"


def _narrow(report: Report) -> Iterator[tuple[str, ...]]:
    for k, one in enumerate(report.runs[0].narrow):
        gains, most = (_spread(getattr(run.narrow[k], name) for run in report.runs) for name in ("gain", "most"))
        error = max(run.narrow[k].error for run in report.runs)
        yield one.cell, one.precision, f"{one.weight_bytes:,}", _both(one.native_us), gains, most, f"{error:.0e}"


def _spread(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _sizes(report: Report) -> Iterator[tuple[str, ...]]:
    for one in report.sizes:
        if one.missing:
            yield one.name, one.target, str(one.nodes), "", "", "", f"{one.wanted} ({one.missing})", "open"
        else:
            figures = (f"{one.nodes}", f"{one.weights:,}", f"{one.code:,}", f"{one.seconds:.1f}")
            yield one.name, one.target, *figures, one.wanted, VERDICT[one.kept]


def _note(report: Report) -> str:
    host = ", ".join(f"{name} {value}" for name, value in report.host.items())
    turns = report.turns
    return (
        f"Measured by `make bench-native`, float32, one thread, core {turns.core}, all contenders in turns, "
        f"{len(report.runs)} passes; layers: {turns.rounds} rounds of at most {turns.calls} calls or "
        f"{turns.burst_ms:g} ms: {host}; {report.flags}."
    )


def _both(times: object) -> str:
    return " / ".join(us(percentile(times, percent)) for percent in (50, 99))  # type: ignore[arg-type]
