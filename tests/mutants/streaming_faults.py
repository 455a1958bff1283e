"""Faults of the streaming rules: what is held back, from which frame on, and what stands at the ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from injection import Injection, fault

from rnnedge_export import passes
from rnnedge_export.streaming import (
    _attention_window,
    _caches,
    _cumulative,
    _expose,
    _padding,
    _slices,
    _transposed,
    _window,
    streamify,
)
from rnnedge_export.streaming import _pooling as pooling
from rnnedge_export.streaming.facts import Held


def _held(injection: Injection, change: Any) -> None:
    """Change every state that a rule holds, as it becomes a port of the graph."""
    injection.around(_module(streamify), "add", lambda original, graph, held: original(graph, change(held)))


def _module(function: Any) -> Any:
    import sys

    return sys.modules[function.__module__]


@fault("streaming", "convolutions")
def padding_of_ones(injection: Injection) -> None:
    """The cache of a convolution begins as ones."""
    _held(injection, lambda held: replace(held, initial=1.0))


@fault("streaming", "max pooling")
def max_pool_padded_with_zeros(injection: Injection) -> None:
    """What stands before frame 0 counts as 0 in a maximum."""
    _held(injection, lambda held: replace(held, initial=0.0))


@fault("streaming", "ahead")
def branch_that_does_not_wait(injection: Injection) -> None:
    """A residual is not delayed as long as the branch that it joins."""

    def at_once(original: Any, node: Any, value: Any, fact: Any, frames: int, facts: Any, why: str) -> Any:
        later = replace(fact, clock=replace(fact.clock, delay=fact.clock.delay + frames))
        return value, later

    injection.around(_caches, "delayed", at_once)


@fault("streaming", "ahead")
def window_one_frame_too_late(injection: Injection) -> None:
    """Every window waits for one frame more than it reads."""

    def later(original: Any, self: Any, clock: Any, repeated: bool = False) -> Any:
        found = original(self, clock, repeated)
        return replace(found, delay=found.delay + 1)

    injection.around(_window.Window, "clock", later)


@fault("streaming", "pooled ahead")
def states_that_count_before_frame_0(injection: Injection) -> None:
    """A running maximum counts what stands before frame 0."""
    _held(injection, lambda held: replace(held, warmup=0))


@fault("streaming", "recurrence ahead")
def recurrence_runs_before_frame_0(injection: Injection) -> None:
    """A recurrence after a lookahead runs over what stands before frame 0."""

    def unheld(original: Any, graph: Any, carried: Any, *rest: Any) -> Any:
        return original(graph, replace(carried, warmup=0), *rest)

    injection.around(_module(streamify), "expose", unheld)


@fault("streaming", "given states")
def initial_state_of_zeros(injection: Injection) -> None:
    """Given initial states are not written into the file."""
    injection.result(_module(streamify), "initial_values", lambda found: [0.0 for _ in found])


@fault("streaming", "lstm")
def state_of_one_layer_given_to_the_other(injection: Injection) -> None:
    """The states of two layers come back in each other's place."""

    def crossed(streaming: Any) -> Any:
        graph = streaming.model.graph
        first, second = (i for i, v in enumerate(graph.outputs) if str(v.name).endswith(".h_next"))
        one, other = graph.outputs[first], graph.outputs[second]
        one.name, other.name = other.name, one.name
        return streaming

    injection.result(passes, "streamify", crossed)


@fault("streaming", "lstm")
def cell_state_not_carried(injection: Injection) -> None:
    """The cell state of an LSTM starts anew with every call."""

    def forgotten(streaming: Any) -> Any:
        states = tuple(s for s in streaming.states if not s.input.endswith(".c"))
        gone = {s.input for s in streaming.states} - {s.input for s in states}
        graph = streaming.model.graph
        for value in [v for v in graph.inputs if v.name in gone]:
            for node, index in list(value.uses()):
                node.replace_input_with(index, None)
            graph.inputs.remove(value)
        for value in [v for v in graph.outputs if str(v.name).removesuffix("_next") in gone]:
            graph.outputs.remove(value)
        return replace(streaming, states=states)

    injection.result(passes, "streamify", forgotten)


@fault("streaming", "totals")
def total_of_the_call_only(injection: Injection) -> None:
    """A cumulative sum adds the last frame's value of the call, not its total."""

    def lost(original: Any, node: Any, facts: Any, total: Any, rest: Any, part: Any, last: Any = lambda v: v) -> Any:
        out, _, lost_ = original(node, facts, total, rest, part, last)
        return out, last(part), lost_

    injection.around(_cumulative, "add_to", lost)


@fault("streaming", "totals")
def frames_counted_from_one_too_many(injection: Injection) -> None:
    """The number of the frame begins at 1 where the source begins at 0."""
    _held(injection, lambda held: replace(held, initial=1.0) if "frame_number" in held.name else held)


@fault("streaming", "pooled")
def running_maximum_from_zero(injection: Injection) -> None:
    """A maximum over all frames begins at 0."""
    _held(injection, lambda held: replace(held, initial=0.0) if held.initial else held)


@fault("streaming", "pooled")
def mean_over_one_frame_too_many(injection: Injection) -> None:
    """A mean over all frames counts from 1."""
    _held(injection, lambda held: replace(held, initial=1.0) if ".count" in held.name else held)


@fault("streaming", "ahead after a bias")
def end_not_padded(injection: Injection) -> None:
    """What a convolution reads behind the last frame is not set to zero."""
    injection.around(_window, "masked", lambda original, node, value, fact, facts, fill: value)


@fault("streaming", "strided")
def overlap_dropped(injection: Injection) -> None:
    """What a transposed convolution adds to the frames of the next call is lost."""

    def lost(original: Any, node: Any, raw: Any, axis: int, over: int, warmup: int, facts: Any) -> Any:
        return _caches.cut(node, facts, raw, axis, 0, -over)

    injection.around(_transposed, "_overlap", lost)


@fault("streaming", "masked attention")
def attention_window_one_frame_short(injection: Injection) -> None:
    """Attention keeps one frame less than it looks back."""
    from rnnedge_export.streaming import _attention

    owner = _attention if hasattr(_attention, "window") else _attention_window
    injection.result(owner, "window", lambda frames: frames - 1)


@fault("streaming", "convolutions")
def cache_of_the_wrong_frames(injection: Injection) -> None:
    """A cache keeps the first frames of what it has, not the last ones."""

    def first(original: Any, node: Any, facts: Any, value: Any, axis: int, start: int, end: int, *step: int) -> Any:
        if start < 0:
            return original(node, facts, value, axis, 0, -start)
        return original(node, facts, value, axis, start, end, *step)

    injection.around(_caches, "cut", first)


@fault("streaming", "shifted")
def shift_by_one_more(injection: Injection) -> None:
    """Frames cut off in front are one more than the source cuts."""
    injection.around(
        _slices, "Window", lambda original, reach, stride, front, behind: original(reach, stride, front - 1, behind)
    )


@fault("streaming", "convolutions")
def state_for_every_second_call(injection: Injection) -> None:
    """A cache is written back as it was read, so it never moves."""

    def stuck(original: Any, graph: Any, held: Held) -> Any:
        return original(graph, replace(held, after=held.value))

    injection.around(_module(streamify), "add", stuck)


@fault("streaming", "drifting")
def drift_of_a_millionth(injection: Injection) -> None:
    """A state gains a millionth with every frame."""

    def gains(original: Any, node: Any, facts: Any, total: Any, rest: Any, part: Any, last: Any = lambda v: v) -> Any:
        builder = facts.builder
        part = _caches.insert(node, facts, "Add", part, builder.const(np.array(1e-6, np.float32)), like=part)
        return original(node, facts, total, rest, part, last)

    for module in (_cumulative, pooling):
        injection.around(module, "add_to", gains)


__all__ = ["_expose", "_padding"]
