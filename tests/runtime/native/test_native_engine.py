"""A file on the native engine gives what it gives on onnxruntime, by every way of feeding it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exported import Exported, export_network
from in_one_test import in_one_test
from native_library import compile_library, compiler

from rnnedge_runtime import InputError, Model, ProviderError, load
from rnnedge_runtime.contract import FORMS
from rnnedge_runtime.engines.native import _find as find
from rnnedge_runtime.engines.native._engine import NativeEngine

X = np.random.default_rng(0).standard_normal((24, 5), np.float32)


@pytest.fixture(scope="module", params=[form for form in FORMS if form != "scan"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Model]:
    """The GRU tagger on onnxruntime and on the native engine."""
    folder = tmp_path_factory.mktemp("pair")
    exported = export_network("gru-2", request.param, folder)
    compile_library(exported.path.read_bytes(), folder, block=2, stem=exported.path.stem.replace("-", "_"))
    return exported.model, load(exported.path, provider="native")


@in_one_test("batch", [1, 2, 3, 5])
def test_streams_agree(pair: tuple[Model, Model], batch: int) -> None:
    """For any chunks, blocks and single sequences."""
    x = np.random.default_rng(1).standard_normal((24, 5) if batch == 1 else (batch, 24, 5), np.float32)
    cpu, native = (model.stream(batch) for model in pair)
    assert native.provider == "native"
    for part in np.split(x, [1, 2, 7, 8, 20], axis=-2):
        np.testing.assert_allclose(native.push(part), cpu.push(part), rtol=0, atol=1e-5)


@in_one_test("batch", [1, 3])
@in_one_test("there", [0, 1])
def test_a_snapshot_of_one_engine_restores_on_the_other(pair: tuple[Model, Model], batch: int, there: int) -> None:
    """In both directions."""
    x = np.random.default_rng(2).standard_normal((24, 5) if batch == 1 else (batch, 24, 5), np.float32)
    one, other = pair[there].stream(batch), pair[1 - there].stream(batch)
    one.push(x[..., :12, :])
    other.restore(one.snapshot())
    np.testing.assert_allclose(other.push(x[..., 12:, :]), one.push(x[..., 12:, :]), rtol=0, atol=1e-5)


@in_one_test("policy", ["reject", "hold", "zero", "reset"])
def test_numbers_that_are_not_finite_do_the_same(pair: tuple[Model, Model], policy: str) -> None:
    """In a push and in a step, with the same words and counters."""
    found = []
    for model in pair:
        stream, results = model.stream(non_finite=policy), []  # type: ignore[arg-type]
        stream.push(X[:8])
        bad = X[8 : 8 + model.contract.unit].copy()
        bad[0, 3] = np.inf
        for act in (lambda s=stream, b=bad: s.push(b), lambda s=stream, b=bad: _step(s, b)):
            try:
                results.append(np.array(act()))
            except InputError as error:
                results.append(str(error))
        results.append(stream.push(X[8:16]))
        found.append((results, stream.counters, stream.frames))
    assert found[1][1:] == found[0][1:]
    for one, other in zip(found[1][0], found[0][0], strict=True):
        if isinstance(one, str):
            assert one == other
        else:
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def _step(stream: object, frames: np.ndarray) -> int:
    stream.input[...] = frames  # type: ignore[attr-defined]
    return stream.step()  # type: ignore[attr-defined, no-any-return]


def test_pools_agree_with_streams(pair: tuple[Model, Model]) -> None:
    """In changing company."""
    rng, unit = np.random.default_rng(3), pair[1].contract.unit
    pool = pair[1].pool(5)
    twins = {pool.join(): pair[0].stream() for _ in range(5)}
    for _ in range(12):
        frames = {m: rng.standard_normal((unit, 5), np.float32) for m in twins if rng.random() < 0.6}
        for member, y in pool.push(frames).items():
            np.testing.assert_allclose(y, twins[member].push(frames[member]), rtol=0, atol=1e-5)


def test_a_stopped_run_leaves_the_stream_as_before(pair: tuple[Model, Model]) -> None:
    """Where the stream has a time limit, by the copy of its struct."""
    stream = pair[1].stream(time_limit_s=30.0)
    first = stream.push(X[:8])
    before = stream.snapshot()
    stream.runner._stop.set()
    assert stream.runner._bindings.of(stream.runner._unit).calls[0]() == 2
    assert stream.snapshot() == before
    stream.runner._stop.clear()
    found = np.concatenate([first, stream.push(X[8:])])
    np.testing.assert_allclose(found, pair[0].stream().push(X), rtol=0, atol=1e-5)


def test_a_library_of_another_file_is_refused(native: Exported, tmp_path: Path) -> None:
    """Named with both digests; with a list of providers the next one takes over, with a warning."""
    other = export_network("gru-3", "native", tmp_path)
    library = compile_library(other.path.read_bytes(), tmp_path)
    options = {"native": {"library": str(library)}}
    with pytest.raises(ProviderError, match=r"net\.so: expected a library of the file .*found that of"):
        load(native.path, provider="native", provider_options=options)
    with pytest.warns(RuntimeWarning, match="the next provider takes its place"):
        assert load(native.path, provider="native,cpu", provider_options=options).provider == "cpu"


def test_a_library_is_built_once_and_trusted_only_from_here(
    native: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second load finds it; strict trust takes it, and refuses one that lies about."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(find, "installed_compiler", compiler)
    assert isinstance(load(native.path, provider="native", trust="strict").engine, NativeEngine)
    monkeypatch.setattr(find, "build_cached", None)
    model = load(native.path, provider="native", trust="strict")
    np.testing.assert_allclose(model.run(X), native.model.run(X), rtol=0, atol=1e-5)
    stranger = compile_library(native.path.read_bytes(), tmp_path)
    # A byte behind the end changes nothing that runs.
    stranger.write_bytes(stranger.read_bytes() + b"\0")
    with pytest.raises(ProviderError, match="this one was not built on this machine"):
        load(native.path, provider="native", trust="strict", provider_options={"native": {"library": str(stranger)}})


def test_without_a_compiler_or_a_cache_the_remedy_is_told(
    native: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left behind."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(find, "installed_compiler", lambda: None)
    with pytest.raises(ProviderError, match=r"no compiler is installed.*provider='cpu'"):
        load(native.path, provider="native")
    monkeypatch.setattr(find, "installed_compiler", compiler)
    with pytest.raises(ProviderError, match=r"cannot be kept there.*XDG_CACHE_HOME"):
        load(native.path, provider="native")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
