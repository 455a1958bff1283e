"""Whole networks on the native engine, built by the real compiler through the runtime's entry point."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import quickly
from exported import export_network

from examples.networks import NETWORKS
from rnnedge_runtime import Model, load
from rnnedge_runtime.golden import max_error, named, stream_all

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections")

NAMES = ["both", "tokens"]
LONG = [
    "keyword-spotter",
    "lstm-proj",
    "learned-start",
    "classifier-gru",
    "noise-suppressor",
    "temporal-convolutions",
    "waveform-denoiser",
    "dual-path",
]
LONG += ["speaker-encoder", "ctc-tagger", "forecaster"]
CHAINED = 10_000


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of libraries of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def _file(name: str, folder: Path) -> Path:
    if name not in NETWORKS:
        return export_network(name, "step", folder).path
    case = NETWORKS[name]
    module, example = case.build()
    path = folder / f"{name}.onnx"
    quickly.export(module, example, path, form="step", time_axis=case.time_axis, frame_rate_hz=case.frame_rate_hz)
    return path


@pytest.fixture(scope="module", params=[*NAMES, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Model]:
    """The file on the native engine, and on onnxruntime."""
    path = _file(request.param, tmp_path_factory.mktemp("networks"))
    return load(path, provider="native"), load(path)


def _draw(model: Model, frames: int, *batch: int) -> np.ndarray:
    rng, port = np.random.default_rng(0), model.contract.inputs[0]
    shape = (*batch, frames, *port.frame_shape)
    numbers = rng.standard_normal(shape) if port.dtype == "float32" else rng.integers(0, 5, shape)
    return numbers.astype(port.dtype)


def _check(found: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> None:
    for name, expected in right.items():
        assert max_error(found[name], expected) <= 1e-5 * max(float(np.abs(expected).max(initial=0)), 1e-6), name


def test_any_chunks_and_any_batch(pair: tuple[Model, Model]) -> None:
    """One sequence, and nineteen: a block of sixteen and three by themselves."""
    native, oracle = pair
    unit = native.contract.unit
    frames = 40 * unit + unit // 2
    cuts = np.sort(np.random.default_rng(1).integers(0, frames, 9)).tolist()
    for batch in ((), (19,)):
        x = _draw(native, frames, *batch)
        size = batch[0] if batch else 1
        _check(stream_all(native.stream(size), x, cuts), stream_all(oracle.stream(size), x))


def test_snapshots_go_to_the_other_engine(pair: tuple[Model, Model]) -> None:
    """In both directions, with caches, delays and frames that wait."""
    unit = pair[0].contract.unit
    x = _draw(pair[0], 21 * unit + unit // 2)
    half = len(x) // 2
    for first, second in (pair, pair[::-1]):
        begun, other = first.stream(), second.stream()
        begun.push(x[:half])
        other.restore(begun.snapshot())
        _check(dict(named(first.contract, other.push(x[half:]))), dict(named(first.contract, begun.push(x[half:]))))


def test_ten_thousand_chained_frames(pair: tuple[Model, Model]) -> None:
    """The engines do not drift apart."""
    native, oracle = pair
    unit = native.contract.unit
    x = _draw(native, CHAINED if unit == 1 else 1_000 * unit)
    _check(stream_all(native.stream(), x), stream_all(oracle.stream(), x))


def test_silence_and_extremes(pair: tuple[Model, Model]) -> None:
    """Denormals, zeros and numbers of ten million give what onnxruntime gives, and nothing stays behind."""
    native, oracle = pair
    if native.contract.inputs[0].dtype != "float32":
        pytest.skip("tokens")
    x = _draw(native, 16 * native.contract.unit)
    for scale in (1e-40, 0.0, 1e7):
        _check(stream_all(native.stream(), x * np.float32(scale)), stream_all(oracle.stream(), x * np.float32(scale)))
