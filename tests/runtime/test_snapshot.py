"""A stream can be kept in bytes and in files, and goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import windows
from exported import Exported

import rnnedge_export
from rnnedge_runtime import InputError, Model, ModelRefused, Stream, load
from rnnedge_runtime.golden import max_error, named


def random_frames(model: Model, count: int, seed: int = 0) -> np.ndarray:
    """Frames (time, ...) of the model's only input."""
    shape = (count, *(int(d) for d in model.contract.inputs[0].frame_shape))
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rest_of(stream: Stream, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What the rest of a sequence gives, joined."""
    parts = [named(stream.contract, stream.push(frames)), named(stream.contract, stream.finish())]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@pytest.mark.parametrize("cut", [0, 1, 5, 6, 17, 40])
def test_a_stream_goes_on_from_its_snapshot(both: Exported, cut: int) -> None:
    """In another stream of a file loaded again, at any point, at the end too: summaries are kept."""
    model = both.model
    frames = random_frames(model, 40)
    stream = model.stream()
    stream.push(frames[:cut])
    kept = stream.snapshot()
    expected = rest_of(stream, frames[cut:])
    other = both.model.stream()
    other.push(random_frames(model, 3, seed=1))
    other.restore(kept)
    assert other.frames == cut
    found = rest_of(other, frames[cut:])
    assert all(max_error(found[name], expected[name]) == 0 for name in expected)


@pytest.mark.parametrize("name", ["same", "stride", "unet"])
def test_frames_that_wait_and_delays_are_kept(name: str, tmp_path: Path) -> None:
    """At every single frame."""
    module, example = windows.build(name)
    rnnedge_export.export(module, example, tmp_path / "m.onnx", time_axis=2 if name == "unet" else 1)
    model = load(tmp_path / "m.onnx")
    total = model.contract.whole_length(26)
    frames = random_frames(model, total)
    whole = rest_of(model.stream(), frames)
    for cut in range(1, total):
        stream = model.stream()
        before = named(model.contract, stream.push(frames[:cut]))
        other = model.stream()
        other.restore(stream.snapshot())
        after = rest_of(other, frames[cut:])
        for output, expected in whole.items():
            assert max_error(np.concatenate([before[output], after[output]]), expected) <= 1e-5


def test_a_copy_goes_its_own_way(native: Exported) -> None:
    """What one is pushed does not reach the other."""
    model = native.model
    frames = random_frames(model, 12)
    stream = model.stream()
    stream.push(frames[:4])
    other = stream.copy()
    other.push(random_frames(model, 3, seed=5))
    np.testing.assert_array_equal(stream.push(frames[4:]), model.run(frames)[4:])


def test_the_newest_whole_file_is_loaded(native: Exported, tmp_path: Path) -> None:
    """A damaged one gives way to the one before; without any, the stream stays as it was."""
    model = native.model
    stream = model.stream()
    path = tmp_path / "stream.state"
    frames = random_frames(model, 3)
    for k in range(3):
        stream.push(frames[k : k + 1])
        stream.save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["stream.state", "stream.state.previous"]
    other = model.stream()
    other.load(path)
    assert other.frames == 3
    path.write_bytes(path.read_bytes()[:-1])
    other.load(path)
    assert other.frames == 2
    path.with_name("stream.state.previous").write_bytes(b"")
    with pytest.raises(InputError, match=r"stream\.state: no whole snapshot \(.*damaged"):
        other.load(path)
    assert other.frames == 2


def test_a_snapshot_of_something_else_is_refused(native: Exported, both: Exported) -> None:
    """Another file, with both digests; another batch; bytes that are none; a bit turned."""
    model, foreign = native.model, both.model
    stream = model.stream()
    with pytest.raises(ModelRefused, match=f"belongs to the model {foreign.digest}, this one is {model.digest}"):
        stream.restore(foreign.stream().snapshot())
    with pytest.raises(InputError, match="is of batch 2, this stream of 1"):
        stream.restore(model.stream(batch=2).snapshot())
    with pytest.raises(InputError, match="not a snapshot"):
        stream.restore(b"anything")
    good = stream.snapshot()
    for place in range(0, len(good), 37):
        turned = bytearray(good)
        turned[place] ^= 4
        with pytest.raises(InputError):
            stream.restore(bytes(turned))
    assert stream.frames == 0
