"""Random networks stream as they compute in whole, whatever the chunks; a failure is shrunk to the fewest layers."""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest
from composed import composed, example_of
from random_networks import CONTEXT, VARIANTS, Layer, build, draw, variants
from shares import one_in

from rnnedge_export.capture import Captured, ModuleAdapter, capture
from rnnedge_export.reference import Reference
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import streamify
from rnnedge_export.verification import ModuleOracle
from rnnedge_export.write_form import write_form
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model

COUNT = int(os.environ.get("RNNEDGE_RANDOM_NETWORKS", "300"))
# The layers are captured once in a run, so a process gets many networks.
GROUP = 25
FIRST = int(os.environ.get("RNNEDGE_RANDOM_SEED", "0"))
LENGTHS = (0, 1, 2, 5, 11, 40)
# `make test` streams the first group, of one layer of each kind; `make test-long` the others; who asks for a count
# gets it.
ASKED = "RNNEDGE_RANDOM_NETWORKS" in os.environ
GROUPS = [
    pytest.param(group, marks=pytest.mark.long if group and not ASKED else ()) for group in range(-(-COUNT // GROUP))
]


def convert(layers: tuple[Layer, ...], graph: Captured | None = None) -> tuple[Model, Reference]:
    """The streaming model, made by the passes alone, and PyTorch."""
    graph = graph or composed(layers)
    streaming = streamify(graph.model, 0, 1, graph.places, lengths=graph.lengths, contexts=graph.contexts)
    written = write_form(streaming, "native")
    model = load_bytes(stamp(written.model, written.contract(20, graph.lengths)), trust="local")
    given, example = example_of(layers)
    return model, Reference(ModuleOracle(build(layers), given, example), example, graph.lengths)


def captured(layers: tuple[Layer, ...]) -> Captured:
    """The offline graph that torch makes of the whole network."""
    example = example_of(layers)[1]
    return capture(ModuleAdapter(build(layers), example), example, 20)


def error_of(layers: tuple[Layer, ...], seed: int, graph: Captured | None = None) -> float | None:
    """The largest difference from PyTorch over lengths and chunkings; None where the network is refused."""
    try:
        model, reference = convert(layers, graph)
    except ModelRefused:
        return None
    rng = np.random.default_rng(seed)
    errors = []
    for extra in LENGTHS:
        given = reference.frames(1, reference.lengths.at_least(reference.lengths.least + extra), rng)
        context = {s.input: rng.standard_normal((1, CONTEXT), np.float32) for s in model.contract.contexts}
        expected, frames = reference.with_context(context)(given)["y"][0], given["x"]
        cuts = np.sort(rng.integers(0, frames.shape[1] + 1, rng.integers(0, 9)))
        for chosen in (range(1, frames.shape[1]), cuts.tolist()):
            stream = model.stream(context=context)
            errors.append(max_error(stream_all(stream, frames[0], chosen)["y"], expected))
        poison(model.with_context(context), frames[0], expected, errors)
    return float(np.max(errors))


def poison(model: Model, frames: np.ndarray, expected: np.ndarray, errors: list[float]) -> None:
    """Fill every delay with NaN: what stands there before frame 0 must not reach an output."""
    stream = model.stream()
    for state in model.contract.states:
        if "delay" in state.input:
            for buffers in stream.runner._states.sets:
                buffers[state.input][...] = np.nan
    errors.append(max_error(stream_all(stream, frames, range(1, len(frames)))["y"], expected))


def shrunk(layers: tuple[Layer, ...], seed: int) -> tuple[Layer, ...]:
    """The same failure with fewer layers."""
    for index in range(len(layers)):
        fewer = layers[:index] + layers[index + 1 :]
        error = error_of(fewer, seed) if fewer else None
        if error is not None and not error <= 1e-4:
            return shrunk(fewer, seed)
    return layers


@pytest.mark.parametrize("group", GROUPS)
def test_random_networks_stream_as_they_compute_in_whole(group: int) -> None:
    """None is wrong; how many were refused is bounded, so that refusing everything would fail."""
    outcomes: Counter[str] = Counter()
    count = VARIANTS if group or ASKED else 1
    for seed in range(FIRST + group * GROUP, FIRST + min((group + 1) * GROUP, COUNT)):
        layers = draw(seed, count=count)
        error = error_of(layers, seed)
        outcomes["refused" if error is None else "streamed"] += 1
        if error is not None and not error <= 1e-4:
            pytest.fail(f"seed {seed}: error {error}: fewest layers: {shrunk(layers, seed)}")
    assert outcomes["refused"] <= outcomes["streamed"] // 8, outcomes


@pytest.mark.parametrize("seed", one_in(3, range(3)))
def test_a_network_captured_as_a_whole_streams_too(seed: int) -> None:
    """As a user's is: the graphs of the layers in a row stand for what torch makes of the network."""
    assert error_of(draw(seed), seed, captured(draw(seed))) <= 1e-4  # type: ignore[operator]


def test_a_wrong_cache_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every warm-up left out the proof fails, so it can fail."""
    from rnnedge_runtime.state_buffers import StateBuffers

    layers = (Layer("conv", 2, 0, 1), Layer("gru", 0, 0, 0))
    graph = captured(layers)
    assert error_of(layers, 1, graph) <= 1e-5  # type: ignore[operator]
    monkeypatch.setattr(StateBuffers, "hold", lambda *_: None)
    assert not error_of(layers, 1, graph) <= 1e-3  # type: ignore[operator]


@pytest.mark.parametrize("count", one_in(2, [1, VARIANTS]))
def test_every_kind_of_layer_streams_by_itself(count: int) -> None:
    """So that none of them is in the proof as a refusal only."""
    assert {layer for layer in variants(count) if error_of((layer,), 0) is None} == set()
