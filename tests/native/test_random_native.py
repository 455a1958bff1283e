"""The streaming compiler's random networks on the native engine: what onnxruntime gives, or a refusal by name."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from composed import composed, example_of
from native_library import compile_library
from random_networks import VARIANTS, Layer, build, draw

from rnnedge_export.reference import Reference
from rnnedge_export.stamp import stamp
from rnnedge_export.streaming import streamify
from rnnedge_export.verification import ModuleOracle, golden_of
from rnnedge_export.write_form import write_form
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.golden import max_error, stream_all
from rnnedge_runtime.loader import load_bytes

COUNT = int(os.environ.get("RNNEDGE_NATIVE_NETWORKS", "2"))
# A few networks are made of one layer of each kind.
LAYERS = VARIANTS if "RNNEDGE_NATIVE_NETWORKS" in os.environ else 1
FIRST = int(os.environ.get("RNNEDGE_RANDOM_SEED", "0"))
FRAMES = 60


def error_of(layers: tuple[Layer, ...], folder: Path, seed: int) -> float:
    """The largest difference from onnxruntime on the same step form, over the largest output."""
    graph = composed(layers)
    streaming = streamify(graph.model, 0, 1, graph.places, lengths=graph.lengths, contexts=graph.contexts)
    written = write_form(streaming, "step")
    given, example = example_of(layers)
    oracle_of = ModuleOracle(build(layers), given, example)
    golden = golden_of(Reference(oracle_of, example, graph.lengths), streaming.hop)
    data = stamp(written.model, replace(written.contract(20, graph.lengths), golden=golden))
    oracle = load_bytes(data, trust="local")
    library = compile_library(data, folder)
    settings = Settings(provider="native", provider_options={"native": {"library": str(library)}})
    native = load_bytes(data, settings=settings, trust="local")
    rng = np.random.default_rng(seed)
    frames = FRAMES * oracle.contract.unit + int(rng.integers(0, oracle.contract.unit))
    x = rng.standard_normal((frames, 4)).astype(np.float32)
    context = {s.input: rng.standard_normal(3, np.float32) for s in oracle.contract.contexts}
    right = stream_all(oracle.stream(context=context), x)["y"]
    cuts = np.sort(rng.integers(0, frames, 9)).tolist()
    found = stream_all(native.stream(context=context), x, cuts)["y"]
    return max_error(found, right) / max(float(np.abs(right).max(initial=0)), 1e-6)


def shrunk(layers: tuple[Layer, ...], folder: Path, seed: int) -> tuple[Layer, ...]:
    """The same failure with fewer layers."""
    for index in range(len(layers)):
        fewer = layers[:index] + layers[index + 1 :]
        place = folder / f"{len(layers)}-{index}"
        place.mkdir()
        try:
            if fewer and not error_of(fewer, place, seed) <= 1e-5:
                return shrunk(fewer, place, seed)
        except ModelRefused:
            continue
    return layers


def test_random_networks_compute_what_onnxruntime_computes(tmp_path: Path) -> None:
    """None is wrong; how many may be refused is bounded, so that refusing everything would fail."""
    refusals = []
    for seed in range(FIRST, FIRST + COUNT):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            error = error_of(draw(seed, count=LAYERS), folder, seed)
        except ModelRefused as refusal:
            refusals.append(f"seed {seed}: {refusal}")
            continue
        if not error <= 1e-5:
            pytest.fail(f"seed {seed}: error {error}: fewest layers: {shrunk(draw(seed, count=LAYERS), folder, seed)}")
        # Libraries are not unloaded; their files need not stay.
        shutil.rmtree(folder)
    assert all("native engine: " in refusal for refusal in refusals)
    assert len(refusals) <= COUNT // 20, "\n".join(refusals)
