"""A stream can be kept in bytes and in files, and goes on as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
import torch
from exported import Exported, export_window
from in_one_test import in_one_test

from rnnedge_runtime import InputError, Model, ModelRefused, RnnEdgeError, Stream, load
from rnnedge_runtime._snapshot import pack, unpack
from rnnedge_runtime.arrays import cast
from rnnedge_runtime.golden import max_error, named


def random_frames(model: Model, count: int, seed: int = 0) -> np.ndarray:
    """Frames (time, ...) of the model's only input."""
    shape = (count, *(int(d) for d in model.contract.inputs[0].frame_shape))
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rest_of(stream: Stream, frames: np.ndarray) -> dict[str, np.ndarray]:
    """What the rest of a sequence gives, joined."""
    parts = [named(stream.contract, stream.push(frames)), named(stream.contract, stream.finish())]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


@in_one_test("cut", [0, 1, 5, 6, 17, 40])
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
    model = export_window(name, tmp_path).model
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


def resealed(data: bytes, change: Any) -> bytes:
    """The snapshot with another header, as `change(header)` leaves it, under a right checksum."""
    start = len(b"rnnedge-snapshot 1\n")
    body = data[start + 32 :]
    length = int.from_bytes(body[:8], "little")
    header = json.loads(body[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    body = len(text).to_bytes(8, "little") + text + body[8 + length :]
    return data[:start] + hashlib.sha256(body).digest() + body


def put(path: str, value: Any) -> Any:
    """A change of one field of a header."""

    def change(header: Any) -> None:
        *parts, last = path.split(".")
        for part in parts:
            header = header[int(part) if isinstance(header, list) else part]
        header[int(last) if isinstance(header, list) else last] = value

    return change


@in_one_test(
    "change",
    [
        *(put(f"fields.{name}", value) for name in ("frames", "calls") for value in
          (-1, 2**63, 2**53 + 1, 10**400, 1.5, True, None, "5", [])),
        *(put("fields.skip", value) for value in ([], [True], [-1], [1], [2**63], [0, 0], None, 0, "0", {})),
        *(put("fields.finished", value) for value in (0, 1, None, "no", [])),
        *(put("fields.batch", value) for value in (0, 2, -1, None, "1", [1])),
        put("fields", []), put("fields.more", 1), put("arrays", None), put("arrays.0.0", "state:other"),
        put("arrays.0.1", "int64"), put("arrays.0.1", "object"), put("arrays.0.1", []), put("arrays.0.2", [-1]),
        put("arrays.0.2", [1, 1, True, 8]), put("arrays.0.2", [2**40, 2**40]), put("arrays.0.2", "11"),
    ],
)  # fmt: skip
def test_a_right_checksum_over_wrong_contents_is_refused(native: Exported, change: Any) -> None:
    """Counts that no stream has, arrays that are none: the stream stays as it was, and goes on."""
    model = native.model
    stream = model.stream()
    stream.push(random_frames(model, 5))
    good = stream.snapshot()
    stream.restore(resealed(good, lambda header: None))
    with pytest.raises(RnnEdgeError) as caught:
        stream.restore(resealed(good, change))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert stream.snapshot() == good


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(data + data)[: len(data)]])
def test_bytes_of_any_kind_are_a_snapshot(native: Exported, kind: Any) -> None:
    """As a socket or a file gives them."""
    model = native.model
    stream, other = model.stream(), model.stream()
    stream.push(random_frames(model, 3))
    other.restore(kind(stream.snapshot()))
    assert other.snapshot() == stream.snapshot()


def test_a_state_that_fewer_bits_cannot_hold_is_refused(native: Exported) -> None:
    """As one of a file with wider states may be: a small one goes on here, and a large one would be infinite."""
    stream = native.model.stream()
    stream.push(random_frames(native.model, 3))
    found = unpack(stream.snapshot())
    wide = {name: array.astype(np.float64) for name, array in found.arrays.items()}
    stream.restore(pack(found._replace(arrays=wide)))
    stood = stream.snapshot()
    assert stood == pack(found)
    name = next(iter(wide))
    for value, words in (
        (1e39, r"up to 3.40282e\+38, found 1e\+39"),
        (-1e300, r"found -1e\+300"),
        (np.inf, "holds a NaN or an infinity"),
        (np.nan, "holds a NaN or an infinity"),
    ):
        beyond = wide | {name: np.full_like(wide[name], value)}
        with pytest.raises(InputError, match=words):
            stream.restore(pack(found._replace(arrays=beyond)))
    with pytest.raises(InputError, match="expected float32, found bool"):
        stream.restore(pack(found._replace(arrays=wide | {name: wide[name] > 0})))
    assert stream.snapshot() == stood


def test_counts_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """In a network with a delay: so many frames have made so many calls, and passed over so many frames of output."""
    model = export_window("same", tmp_path).model
    for pushed in (0, 1, 2, 9):
        stream = model.stream()
        stream.push(random_frames(model, pushed))
        good = stream.snapshot()
        fields = unpack(good).fields
        stream.restore(good)
        assert fields["skip"] == [max(0, model.contract.outputs[0].clock.delay - pushed)]
        early = pushed < model.contract.warmup
        for name in ("frames", "calls", "skip") if early else ("skip",):
            value = fields[name]
            wrong = [value[0] + 1] if name == "skip" else value + 1
            with pytest.raises(InputError, match="its counts do not fit each other"):
                stream.restore(resealed(good, put(f"fields.{name}", wrong)))
        assert stream.snapshot() == good


@pytest.mark.parametrize("way", ["reset", "gap", "non_finite", "copy"])
def test_given_states_are_the_stream_s_own(native: Exported, way: str) -> None:
    """What the caller writes into his array afterwards is nothing to the stream, however it begins again."""
    model = native.model
    name, state = model.contract.states[0].input, model.contract.states[0]
    shape = tuple(1 if dim == "batch" else dim for dim in state.shape)
    given = {name: np.full(shape, 0.5, np.float32)}
    frames = random_frames(model, 3)
    stream = model.stream(states=given, non_finite="reset", gap="reset")
    expected = stream.push(frames)
    given[name][...] = 50
    given.clear()
    if way == "gap":
        stream.gap(1)
    elif way == "non_finite":
        stream.push(np.full_like(frames[:1], np.nan))
    else:
        stream = stream.copy() if way == "copy" else stream
        stream.reset()
    np.testing.assert_array_equal(stream.push(frames), expected)
    assert max_error(model.run(frames), expected) > 0


def test_arrays_of_a_contract_cannot_be_written(tmp_path: Path) -> None:
    """Every stream of the model begins from them."""
    quickly.export(
        torch.nn.GRU(5, 4, batch_first=True), (torch.rand(1, 9, 5), torch.rand(1, 1, 4)), tmp_path / "m.onnx"
    )
    contract = load(tmp_path / "m.onnx").contract
    assert contract.golden is not None
    arrays = [contract.states[0].initial, *contract.golden.inputs.values(), *contract.golden.outputs.values()]
    for array in arrays:
        assert isinstance(array, np.ndarray)
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@in_one_test(
    ("state", "words"),
    [
        (np.full((1, 1, 6), 1e39), "expected numbers of float32, up to 3.40282e[+]38, found 1e[+]39"),
        (np.full((1, 1, 6), np.nan, np.float32), "expected finite numbers"),
        (np.zeros((1, 1, 6), bool), "expected numbers of float32, found bool"),
        (np.zeros((1, 1, 6), complex), "expected numbers of float32, found complex128"),
        (np.zeros((1, 6), np.float32), r"expected shape \(1, 1, 6\)"),
        ([[[1] * 5 + [2, 3]]], "expected shape"),
        ("abc", "expected an array of numbers, found 'abc'"),
        ([[1], [2, 3]], "expected an array of numbers, found a list"),
    ],
)
def test_a_state_of_a_wrong_kind_is_refused(native: Exported, state: Any, words: str) -> None:
    """By its name; whole numbers become floats, since nothing is lost."""
    name = native.model.contract.states[0].input
    with pytest.raises(InputError, match=f"state '{name}': {words}"):
        native.model.stream(states={name: state})
    native.model.stream(states={name: np.zeros((1, 1, 6), np.int64)})


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_counts_take_whole_numbers_that_fit(dtype: str) -> None:
    """A fraction, a truth value and a number beyond the range are no counts; a count is no truth value."""
    kind = np.dtype(dtype)
    good = {"int32": [3, -(2**31)], "int64": [2**63 - 1, 0], "bool": [True, False]}[dtype]
    np.testing.assert_array_equal(cast(np.array(good), kind, "n"), np.array(good, kind))
    wrong: list[Any] = [[0.5], [1.0], [True] if dtype != "bool" else [1], np.array([2**63], np.uint64), [1j]]
    for numbers in [*wrong, *([[2**31], [-(2**31) - 1]] if dtype == "int32" else [])]:
        with pytest.raises(InputError, match=f"^n: expected numbers of {dtype}"):
            cast(np.asarray(numbers), kind, "n")


def test_a_pipe_in_the_place_of_a_snapshot_is_an_error(native: Exported, tmp_path: Path) -> None:
    """Reading one would wait for whoever writes into it."""
    os.mkfifo(tmp_path / "pipe")
    stream = native.model.stream()
    with pytest.raises(InputError, match="expected a plain file"):
        stream.load(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be written"):
        stream.save("/")
    with pytest.raises(InputError, match="no whole snapshot"):
        stream.load("/")
