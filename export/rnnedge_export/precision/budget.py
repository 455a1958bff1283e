"""Mixed precision by measurement: the smallest file whose streamed error stays within a budget.

1. Every layer begins at the narrowest precision that is allowed.
2. Layers are ranked by what they do to the streamed error: each one alone is narrowed, everything else in float32.
3. While the whole is beyond the budget, the layer that brings most error for each byte that it saves is widened by a
   step (int4, int8, float16, float32), and the whole is streamed again. bf16 is tried where it is asked for only:
   float16 is as small and nearer.
4. Then each layer, the largest first, is tried a step narrower once more: errors of layers may cancel.

Every look streams the whole trial: an error may stay small for thousands of frames before it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import onnx_ir as ir

from rnnedge_export.options import PRECISIONS
from rnnedge_export.precision.apply import Plan
from rnnedge_export.precision.drift import errors_of
from rnnedge_export.precision.layers import weights_of
from rnnedge_export.recordings import Recording, outputs_of
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model

_BITS = {"float32": 32, "float16": 16, "bf16": 16, "int8": 8, "int4": 5}


def search(
    model: ir.Model,
    start: Plan,
    budget: float,
    build: Callable[[Plan], bytes],
    float32: Model,
    trial: Recording,
    say: Callable[[str], None],
) -> Plan:
    """The plan of the smallest file within `budget`, none of its layers narrower than in `start`.

    Layers that `start` names keep what it says. `build(plan)` gives the file.
    """
    expected = outputs_of(float32, trial)
    sizes: dict[str, int] = {}
    for weight in weights_of(model):
        sizes[weight.layer] = sizes.get(weight.layer, 0) + weight.array.size
    free = [layer for layer in sizes if layer not in start.layers]
    steps = _steps(start.default)

    def error(plan: Plan) -> float:
        found = outputs_of(load_bytes(build(plan), "trial", trust="local"), trial)
        return float(errors_of(expected, found).max())

    def whole(chosen: Mapping[str, str]) -> Plan:
        return Plan("float32", {**chosen, **start.layers})

    alone: dict[tuple[str, str], float] = {}

    def effect(layer: str, precision: str) -> float:
        if precision == "float32":
            return 0.0
        if (layer, precision) not in alone:
            say(f"effect of {layer} in {precision}")
            alone[layer, precision] = error(Plan("float32", {layer: precision}))
        return alone[layer, precision]

    chosen = dict.fromkeys(free, start.default)
    while (found := error(whole(chosen))) > budget or np.isnan(found):
        candidates = [layer for layer in free if chosen[layer] != "float32"]
        if not candidates:
            break
        worst = max(candidates, key=lambda layer: _gain(layer, chosen[layer], steps, sizes, effect))
        chosen[worst] = _wider(chosen[worst], steps)
        say(f"{worst} in {chosen[worst]}")
    for layer in sorted(free, key=sizes.__getitem__, reverse=True):
        tried = {**chosen, layer: _narrower(chosen[layer], steps)}
        if tried != chosen and error(whole(tried)) <= budget:
            chosen = tried
    return whole(chosen)


def _gain(
    layer: str, precision: str, steps: Sequence[str], sizes: Mapping[str, int], effect: Callable[[str, str], float]
) -> float:
    """Error that widening takes away, for each bit that it costs."""
    wider = _wider(precision, steps)
    saved = max(effect(layer, precision) - effect(layer, wider), 0.0)
    return saved / (sizes[layer] * (_BITS[wider] - _BITS[precision]))


def _steps(narrowest: str) -> list[str]:
    """From float32 down to `narrowest`."""
    return [p for p in PRECISIONS if _BITS[p] > _BITS[narrowest] and p != "bf16"] + [narrowest]


def _wider(precision: str, steps: Sequence[str]) -> str:
    return steps[max(steps.index(precision) - 1, 0)]


def _narrower(precision: str, steps: Sequence[str]) -> str:
    return steps[min(steps.index(precision) + 1, len(steps) - 1)]
