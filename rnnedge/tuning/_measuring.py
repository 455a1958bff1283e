"""How candidates are measured: a quick look first, then paced rounds in turns."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rnnedge.tuning._energy import Meter
from rnnedge_runtime.measure import measure_latency, measure_paced
from rnnedge_runtime.model import Model

# A slow rate costs time and shows nothing more than caches that went cold, which they are after a few milliseconds.
_SLOWEST_HZ = 200.0
_QUICK, _ROUND = 300, 60
Seen = dict[str, list[float]]


def quick_look(model: Model) -> float:
    """Microseconds per frame, the median of some pushes as fast as they go."""
    return measure_latency(model, _QUICK, 50).percentile_us(50) / model.contract.unit


def paced_round(model: Model, objective: str, meter: Meter | None) -> tuple[float, float, float]:
    """(what the objective asks for, p50, p99) of one round; latencies in microseconds from the planned arrival."""
    if objective == "throughput":
        latency = measure_latency(model, _QUICK, 20)
        return latency.mean_us / latency.frames_per_push, latency.percentile_us(50), latency.percentile_us(99)
    rate = max(model.contract.frame_rate_hz or 0.0, _SLOWEST_HZ * model.contract.unit)
    before = meter.read() if meter is not None else 0
    run = measure_paced(model, seconds=1, rate_hz=rate, pushes=_ROUND, warmup=10)
    p50, p99 = run.percentile_us(50), run.percentile_us(99)
    if meter is not None:
        return meter.since(before) / (_ROUND * model.contract.unit), p50, p99
    return p50, p50, p99


def rounds(
    models: Mapping[str, Model],
    objective: str,
    more: Callable[[int], bool],
    say: Callable[[str], None],
    meter: Meter | None = None,
) -> dict[str, Seen]:
    """All models in turns, round after round, while `more(rounds done)`; each round begins with another one."""
    seen: dict[str, Seen] = {name: {"value": [], "p50": [], "p99": []} for name in models}
    names, done = list(models), 0
    while more(done):
        say(f"round {done + 1}")
        for name in names[done % len(names) :] + names[: done % len(names)]:
            value, p50, p99 = paced_round(models[name], objective, meter)
            for key, number in (("value", value), ("p50", p50), ("p99", p99)):
                seen[name][key].append(number)
        done += 1
    return seen
