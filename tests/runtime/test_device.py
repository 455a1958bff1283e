"""States on a device: fetched when somebody looks, else never carried.

No accelerator is needed: onnxruntime also makes values in host memory that are no array of ours, and copies to and
from them as it does with a device. `far` puts every input and output of a model there.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from exported import Exported, export_window
from in_one_test import in_one_test

from rnnedge_runtime import Model, ProviderError, load
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engines._device import DeviceArray, Place
from rnnedge_runtime.engines._ort import OrtEngine, OrtStop
from rnnedge_runtime.golden import max_error, named, stream_all
from rnnedge_runtime.sample import sample_frames

X = np.random.default_rng(0).standard_normal((40, 5), np.float32)


def far(model: Model) -> Model:
    """The model with all of its values in memory of their own."""
    engine = model.engine
    assert isinstance(engine, OrtEngine)
    engine._places = {port.name: Place("cpu", 0) for port in (*engine.inputs, *engine.outputs)}
    return model


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often arrays of one row of numbers were fetched and stored."""
    counts: Counter[str] = Counter()
    for name in ("fetch", "store"):
        real = getattr(DeviceArray, name)

        def counted(self: DeviceArray, name: str = name, real: object = real) -> None:
            counts[name] += 1
            real(self)  # type: ignore[operator]

        monkeypatch.setattr(DeviceArray, name, counted)
    return counts


@in_one_test("batch", [1, 3])
def test_a_stream_on_a_device_gives_what_one_in_host_memory_gives(both: Exported, batch: int) -> None:
    """In every form, for any chunks, with summaries, a reset and a copy."""
    near, there = both.model.stream(batch), far(both.model).stream(batch)
    shape = (24, 5) if batch == 1 else (batch, 24, 5)
    for seed in range(2):
        x = np.random.default_rng(seed).standard_normal(shape, np.float32)
        for part in np.split(x, [1, 2, 7, 8, 20], axis=-2):
            expected, found = named(both.model.contract, near.push(part)), named(both.model.contract, there.push(part))
            assert all(max_error(found[name], expected[name]) == 0 for name in expected)
        there = there.copy()
        expected, found = named(both.model.contract, near.finish()), named(both.model.contract, there.finish())
        assert all(max_error(found[name], expected[name]) == 0 for name in expected)
        near.reset()
        there.reset()


@pytest.mark.parametrize("name", ["same", "stride", "unet"])
def test_states_that_warm_up_do_so_on_a_device(name: str, tmp_path: Path) -> None:
    """They are held at their initial values there, and the masks of the end arrive."""
    exported = export_window(name, tmp_path)
    model, there = exported.model, far(exported.model)
    frames = sample_frames(model.contract, model.contract.whole_length(26), 0)
    assert isinstance(frames, np.ndarray)
    for cuts in ((), range(1, len(frames)), (3, 4, 11)):
        expected, found = (stream_all(one.stream(), frames, cuts) for one in (model, there))
        assert all(max_error(found[key], expected[key]) == 0 for key in expected)


def test_a_snapshot_goes_from_host_to_device_and_back(tagger: Exported) -> None:
    """Bit by bit, at any frame."""
    expected = tagger.model.stream().push(X)
    parts, models = [], [tagger.model, far(tagger.model)]
    stream = models[0].stream()
    for k, part in enumerate(np.split(X, 5)):
        parts.append(stream.push(part))
        kept, stream = stream.snapshot(), models[(k + 1) % 2].stream()
        stream.restore(kept)
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_states_stay_on_the_device(native: Exported, carried: Counter[str]) -> None:
    """A step brings the frame and takes the outputs; a look at the states is one fetch of each."""
    stream = far(native.model).stream()
    carried.clear()
    for frame in X:
        stream.input[...] = frame
        stream.step()
    contract = native.model.contract
    assert carried == {"store": 40 * (1 + len(contract.cursors)), "fetch": 40 * len(contract.outputs)}
    carried.clear()
    stream.snapshot()
    assert carried == {"fetch": len(contract.states)}


def test_without_a_fetch_the_states_would_be_old(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard of the tests above."""
    stream = far(native.model).stream()
    stream.push(X)
    right = stream.snapshot()
    monkeypatch.setattr(DeviceArray, "fetch", lambda _: None)
    stream.push(X[:1])
    assert stream.runner._snapshot().arrays.keys()
    assert stream.snapshot() != right
    other = native.model.stream()
    other.push(np.concatenate([X, X[:1]]))
    own, old = other.runner._snapshot().arrays, stream.runner._snapshot().arrays
    assert any(not np.array_equal(own[name], old[name]) for name in own)


def test_a_pool_on_a_device(tagger: Exported) -> None:
    """Members come, run in changing company, and leave; each gets what a stream of its own gives."""
    pool = far(tagger.model).pool(4)
    unit = tagger.model.contract.unit
    rng = np.random.default_rng(0)
    members = {pool.join(): tagger.model.stream() for _ in range(4)}
    for _ in range(12):
        some = [member for member in members if rng.random() < 0.7]
        parts = {m: rng.standard_normal((unit * int(rng.integers(1, 3)), 5)).astype(np.float32) for m in some}
        for member, found in pool.push(parts).items():
            np.testing.assert_allclose(found, members[member].push(parts[member]), rtol=0, atol=1e-6)
        if rng.random() < 0.3:
            gone = next(iter(members))
            np.testing.assert_allclose(pool.finish(gone), members.pop(gone).finish(), rtol=0, atol=1e-6)
            pool.leave(gone)
            members[pool.join()] = tagger.model.stream()


def breaking(exported: Exported, monkeypatch: pytest.MonkeyPatch, *, states_too: bool) -> Model:
    """A model on a device that breaks in its eleventh run, with the host behind it."""
    first, second = far(exported.model), exported.model
    runs = iter(range(1000))
    bind, fetch = first.engine.bind, DeviceArray.fetch

    def bind_breaking(*given: object) -> object:
        run = bind(*given)  # type: ignore[arg-type]

        def call() -> None:
            if next(runs) >= 10:
                if states_too:
                    monkeypatch.setattr(DeviceArray, "fetch", lost)
                raise RuntimeError("gone")
            run()

        return call

    def lost(self: DeviceArray) -> None:
        raise ProviderError("memory: gone")

    monkeypatch.setattr(DeviceArray, "fetch", fetch)
    monkeypatch.setattr(first.engine, "bind", bind_breaking)
    return Model(LoadedModel(first.name, first.digest, first.contract, first.engine, [lambda: second.engine]))


def test_the_host_takes_over_from_a_device(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the states, which are fetched from it."""
    stream = breaking(native, monkeypatch, states_too=False).stream()
    found = np.concatenate([stream.push(frame[None]) for frame in X])
    np.testing.assert_allclose(found, native.model.stream().push(X), rtol=0, atol=1e-6)
    assert stream.counters == {"provider": 1}


def test_states_that_are_lost_with_their_device_are_told(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is lost; another one runs on the next provider from the last snapshot."""
    model = breaking(native, monkeypatch, states_too=True)
    stream = model.stream()
    for frame in X[:10]:
        stream.push(frame[None])
    kept = stream.snapshot()
    with pytest.raises(ProviderError, match=r"failed at frame 10, .*another stream, which 'cpu' will run"):
        stream.push(X[10:11])
    other = model.stream()
    other.restore(kept)
    np.testing.assert_array_equal(other.push(X[10:]), native.model.stream().push(X)[10:])


def test_every_bound_run_has_a_cuda_graph_of_its_own(native: Exported) -> None:
    """Because a graph replays fixed addresses; callers of many lengths run without one in the end."""
    model = load(native.path, provider_options={"cpu": {}})
    engine = model.engine
    assert isinstance(engine, OrtEngine)
    engine._records = True
    stop = OrtStop()
    entries = [engine._recording(stop).get_run_config_entry("gpu_graph_id") for _ in range(34)]
    assert entries == [*map(str, range(1, 33)), "-1", "-1"]
    stop.set()
    assert all(options.terminate for options in stop._all)
    stream = model.stream()
    np.testing.assert_array_equal(stream.push(X), native.model.stream().push(X))
