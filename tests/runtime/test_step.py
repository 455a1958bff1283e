"""`step` runs over buffers that a caller fills and reads in place, and gives what `push` gives."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import windows
from exported import Exported, export_window
from in_one_test import in_one_test
from shares import those

from rnnedge_runtime import InputError, Stream


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> Iterator[None]:
    """What was imported so far is not looked through by the collector, which takes half a second each time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@in_one_test("batch", [1, 3])
def test_steps_equal_pushes(tagger: Exported, batch: int) -> None:
    """Also where pushes come between, of one call and of several."""
    model = tagger.model
    unit = model.contract.unit
    shape = (12 * unit, 5) if batch == 1 else (batch, 12 * unit, 5)
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    pushed, stepped = model.stream(batch), model.stream(batch)
    for call in range(12):
        part = x[..., call * unit : (call + 1) * unit, :]
        expected = pushed.push(part)
        if call in (3, 7):
            found = stepped.push(part)
        else:
            stepped.input[...] = part
            assert stepped.step() == unit
            found = stepped.output
        np.testing.assert_array_equal(found, expected)
    assert stepped.frames == pushed.frames
    stepped.reset()
    stepped.input[...] = x[..., :unit, :]
    stepped.step()
    np.testing.assert_array_equal(stepped.output, model.stream(batch).push(x[..., :unit, :]))


@pytest.mark.parametrize("name", those(("same", "stride", "upsample"), ["same", "stride", "upsample", "unet"]))
def test_the_first_steps_of_a_network_with_a_delay_give_fewer_frames(name: str, tmp_path: Path) -> None:
    """So many of the last frames of `output` as `push` returns, and `finish` gives the rest."""
    model = export_window(name, tmp_path).model
    contract, pushed, stepped = model.contract, model.stream(), model.stream()
    total = contract.least + 40 * contract.hop * contract.grain
    total -= total % contract.hop
    frames = np.random.default_rng(0).standard_normal((total, *contract.inputs[0].frame_shape)).astype(np.float32)
    for start in range(0, total, contract.hop):
        part = frames[start : start + contract.hop]
        stepped.input[...] = part
        count = stepped.step()
        np.testing.assert_array_equal(stepped.output[len(stepped.output) - count :], pushed.push(part))
    np.testing.assert_array_equal(stepped.finish(), pushed.finish())


def test_a_step_allocates_nothing(tagger: Exported) -> None:
    """After the first ones, by Python's own count."""
    stream = tagger.model.stream()
    for _ in range(20):
        stream.step()
    gc.collect()
    grown, peaks = [], []
    tracemalloc.start()
    try:
        for _ in range(5):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(200):
                stream.step()
            after, peak = tracemalloc.get_traced_memory()
            grown.append(after - before)
            peaks.append(peak - before)
    finally:
        tracemalloc.stop()
    # Python itself keeps a little at first; the bytes of the finite mask live within a step.
    assert min(grown) <= 32
    assert min(peaks) <= 1024


def test_a_frame_that_is_not_finite_is_refused(tagger: Exported) -> None:
    """The state stays as it was; the buffer too, for the caller to mend."""
    model = tagger.model
    stream, other = model.stream(), model.stream()
    x = np.random.default_rng(1).standard_normal(stream.input.shape).astype(np.float32)
    for _ in range(2):
        stream.input[...] = x
        stream.step()
        stream.input[0, 2] = np.nan
        with pytest.raises(InputError, match="feature 2: expected a finite number, found nan"):
            stream.step()
        np.testing.assert_array_equal(other.push(x), stream.output)


def test_a_step_does_not_overtake_frames_that_wait(tmp_path: Path) -> None:
    """They would come out of order."""
    stream = export_window("stride", tmp_path).model.stream()
    stream.push(np.zeros((1, windows.C), np.float32))
    with pytest.raises(InputError, match="step: 1 frames wait for a whole call of 4"):
        stream.step()
    stream.finish()
    with pytest.raises(InputError, match="finished"):
        stream.step()


class MallInfo(ctypes.Structure):
    """glibc's `struct mallinfo2`: statistics of the arenas from which onnxruntime takes its memory."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


@cache
def statistics() -> Callable[[], MallInfo]:
    """glibc's own; once, since every `CDLL` is a class that waits for the collector."""
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = MallInfo
    return mallinfo


def in_use() -> int:
    """Bytes that are allocated and not given back, of Python objects and onnxruntime alike."""
    found = statistics()()
    return int(found.uordblks + found.hblkhd)


def step_once(stream: Stream) -> None:
    """As a caller with a loop of its own."""
    stream.step()


def push_once(stream: Stream, frames: np.ndarray = np.zeros((4, 5), np.float32)) -> None:  # noqa: B008
    """As most callers."""
    stream.push(frames[: stream.contract.unit])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the arenas of glibc")
@pytest.mark.parametrize("call", [step_once, push_once])
def test_the_arenas_stand_as_before(tagger: Exported, call: Callable[[Stream], None]) -> None:
    """After a thousand calls no byte more is in use, in Python or below it."""
    stream = tagger.model.stream()
    grown = []
    gc.collect()
    for _ in range(5):
        before = in_use()
        for _ in range(1000):
            call(stream)
        grown.append(in_use() - before)
    kept = [bytes(1 << 12) for _ in range(100)]
    assert min(map(abs, grown)) == 0, grown
    assert in_use() - before >= len(kept) << 12


@pytest.mark.parametrize("call", [step_once, push_once])
def test_the_collector_has_nothing_to_do(tagger: Exported, call: Callable[[Stream], None]) -> None:
    """Neither way makes an object that it follows, so it never runs because of a stream."""
    stream = tagger.model.stream()
    runs: list[object] = []
    gc.collect()
    gc.callbacks.append(lambda phase, info: runs.append(phase))
    try:
        for _ in range(5000):
            call(stream)
        assert runs == []
        kept = [[] for _ in range(100_000)]
        assert runs and kept
    finally:
        gc.callbacks.pop()
