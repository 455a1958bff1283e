"""A stream gives the same frames for any chunking, and refuses bad frames without losing its place."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from exported import Exported
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_one_test import in_one_test

from rnnedge_runtime import Batcher, InputError, Model, Stream, StreamPool

Array = np.ndarray[Any, Any]
ANY_CHUNKING = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def frames(time: int, batch: int = 1, seed: int = 0) -> Array:
    """Random frames (time, feature), or (batch, time, feature)."""
    shape = (time, 5) if batch == 1 else (batch, time, 5)
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def torch_says(exported: Exported, x: Array) -> Any:
    """The module on whole sequences, as numpy."""
    with torch.no_grad():
        result = exported.module(torch.from_numpy(x if x.ndim == 3 else x[None]))
    if isinstance(result, dict):
        return {k: v.numpy() for k, v in result.items()}
    return result.numpy() if x.ndim == 3 else result[0].numpy()


@ANY_CHUNKING
@given(cuts=st.lists(st.integers(0, 29), max_size=12))
def test_any_chunking_equals_the_whole(tagger: Exported, cuts: list[int]) -> None:
    """However 29 frames are cut into pushes, empty ones included, the outputs are PyTorch's."""
    x = frames(29)
    stream = tagger.model.stream()
    parts = [stream.push(part) for part in np.split(x, sorted(cuts))]
    np.testing.assert_allclose(np.concatenate([*parts, stream.finish()]), torch_says(tagger, x), rtol=0, atol=1e-5)


@ANY_CHUNKING
@given(cuts=st.lists(st.integers(0, 13), max_size=5), batch=st.integers(2, 3))
def test_any_chunking_equals_the_whole_for_several_sequences(tagger: Exported, cuts: list[int], batch: int) -> None:
    """A stream of several sequences cuts along time."""
    x = frames(13, batch)
    stream = tagger.model.stream(batch)
    parts = [stream.push(part) for part in np.split(x, sorted(cuts), axis=1)]
    found = np.concatenate([*parts, stream.finish()], axis=1)
    np.testing.assert_allclose(found, torch_says(tagger, x), rtol=0, atol=1e-5)


@in_one_test("time", [1, 3, 4, 5, 7, 8, 1024, 1025, 2051])
def test_awkward_lengths_equal_the_whole(both: Exported, time: int) -> None:
    """Around the chunk of the unrolled form (4) and the piece of a long push (1,024), summaries included."""
    x = frames(time)
    stream = both.model.stream()
    pushed, rest = stream.push(x), stream.finish()
    expected = torch_says(both, x)
    np.testing.assert_allclose(
        np.concatenate([pushed["frames"], rest["frames"]]), expected["frames"][0], rtol=0, atol=1e-5
    )
    for name in ("last", "cell"):
        assert len(pushed[name]) == 0
        np.testing.assert_allclose(rest[name], expected[name], rtol=0, atol=1e-5)


def test_single_frames_come_out_one_by_one(tagger: Exported) -> None:
    """Every form but a fixed chunk answers a frame with a frame."""
    stream = tagger.model.stream()
    counts = [len(stream.push(frames(1, seed=i))) for i in range(8)]
    assert counts == ([0, 0, 0, 4] * 2 if tagger.form == "unrolled" else [1] * 8)


def test_what_push_returned_is_never_overwritten(tagger: Exported) -> None:
    """Outputs are the caller's own arrays."""
    x = frames(12)
    stream = tagger.model.stream()
    kept = [stream.push(x[i : i + 1]) for i in range(12)]
    before = [part.copy() for part in kept]
    stream.push(frames(4, seed=1))
    for part, old in zip(kept, before, strict=True):
        np.testing.assert_array_equal(part, old)


def test_streams_of_one_model_do_not_touch_each_other(tagger: Exported) -> None:
    """Two sequences pushed in turn give what each gives alone."""
    model = tagger.model
    x, y = frames(8, seed=1), frames(8, seed=2)
    one, two = model.stream(), model.stream()
    found = [(one.push(x[i : i + 2]), two.push(y[i : i + 2])) for i in range(0, 8, 2)]
    np.testing.assert_allclose(np.concatenate([f[0] for f in found]), torch_says(tagger, x), rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.concatenate([f[1] for f in found]), torch_says(tagger, y), rtol=0, atol=1e-5)


def test_reset_starts_a_new_sequence(both: Exported) -> None:
    """After any history, also a held-back one and a finished one, a reset stream is a fresh one."""
    x = frames(6)
    stream = both.model.stream()
    fresh = stream.push(x), stream.finish()
    for history in (3, 4, 5):
        stream.reset()
        stream.push(frames(history, seed=9))
        stream.reset()
        again = stream.push(x), stream.finish()
        for a, b in zip(again, fresh, strict=True):
            for name in a:
                np.testing.assert_array_equal(a[name], b[name])
    assert stream.frames == 6


def test_run_gives_what_the_module_gives(both: Exported) -> None:
    """Whole sequences through `Model.run`: one, a batch of one, a batch of three."""
    model = both.model
    for x in (frames(9), frames(9)[None], frames(9, 3)):
        found, expected = model.run(x), torch_says(both, x)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value if x.ndim == 3 else value[0], rtol=0, atol=1e-5)


def test_tokens_stream(tokens: Exported) -> None:
    """An int64 model takes (time,) tokens."""
    x = np.arange(9, dtype=np.int64)
    stream = tokens.model.stream()
    found = np.concatenate([stream.push(x[:4]), *(stream.push(x[i : i + 1]) for i in range(4, 9))])
    np.testing.assert_allclose(found, torch_says(tokens, x), rtol=0, atol=1e-5)


@in_one_test("bad", [np.nan, np.inf, -np.inf])
@in_one_test("length", [1, 4, 7])
def test_a_non_finite_frame_is_refused_and_nothing_is_lost(tagger: Exported, bad: float, length: int) -> None:
    """The message names frame and feature; the sequence then goes on as if nothing had happened."""
    x = frames(12)
    stream = tagger.model.stream()
    parts = [stream.push(x[:2])]
    poisoned = x[2 : 2 + length].copy()
    poisoned[length // 2, 3] = bad
    with pytest.raises(InputError, match=rf"frame {2 + length // 2}, feature 3: .* found {bad}"):
        stream.push(poisoned)
    parts += [stream.push(x[2:]), stream.finish()]
    np.testing.assert_allclose(np.concatenate(parts), torch_says(tagger, x), rtol=0, atol=1e-5)


@in_one_test("large", [1e38, -3e38, 1e-42])
def test_extreme_finite_frames_are_accepted(tagger: Exported, large: float) -> None:
    """A sum of squares that overflows is no reason to refuse numbers that are finite."""
    stream = tagger.model.stream()
    x = np.full((4, 5), large, np.float32)
    found = np.concatenate([stream.push(x), stream.finish()])
    assert np.isfinite(found).all()


@in_one_test(
    ("x", "words"),
    [
        (frames(2)[:, :3], r"'x': expected shape \(time, 5\), found \(2, 3\)"),
        (frames(2)[0], r"one frame is frames\[None\]"),
        (frames(2).T, r"found \(5, 2\); time comes before the features, use numpy.moveaxis\(frames, -1, 0\)"),
        (frames(2)[None], r"no batch axis"),
        (frames(2).astype(np.float64), r"expected dtype float32, found float64; use frames.astype\(numpy.float32\)"),
        (np.zeros((2, 5), np.int64), r"float32, found int64"),
        (np.array([["a"] * 5]), r"expected an array of numbers, found <U1"),
        ([[1.0] * 5], r"float32, found float64"),
        (None, r"expected an array of numbers, found None"),
    ],
)
def test_wrong_frames_are_refused(native: Exported, x: Any, words: str) -> None:
    """The message names the input, what it takes, what came, and often the remedy."""
    with pytest.raises(InputError, match=words):
        native.model.stream().push(x)


def test_zero_frames_are_no_frames(both: Exported) -> None:
    """An empty push changes nothing and gives empty outputs of the right shape."""
    stream = both.model.stream()
    for _ in range(2):
        found = stream.push(frames(0))
        assert [found[name].shape for name in ("frames", "last", "cell")] == [(0, 3), (0, 3), (0, 6)]
    assert stream.frames == 0


def test_a_finished_sequence_takes_no_frames(native: Exported) -> None:
    """Frames after the end are an error that names the remedy, and so is a second end."""
    stream = native.model.stream()
    stream.push(frames(1))
    stream.finish()
    for call in (lambda: stream.push(frames(1)), lambda: stream.push(frames(3)), stream.finish):
        with pytest.raises(InputError, match=r"reset\(\)"):
            call()


def test_an_empty_sequence_cannot_be_finished(both: Exported) -> None:
    """There is no summary of nothing."""
    with pytest.raises(InputError, match="empty"):
        both.model.stream().finish()
    with pytest.raises(InputError, match="empty"):
        both.model.run(frames(0))


def test_a_stream_needs_a_sequence(native: Exported) -> None:
    """Batch 0 is refused."""
    with pytest.raises(InputError, match="batch: expected an integer from 1 to"):
        native.model.stream(0)


def test_frames_may_be_views(native: Exported) -> None:
    """Strided and Fortran-ordered frames are the same frames."""
    x = frames(6)
    wide = np.zeros((6, 10), np.float32)
    wide[:, ::2] = x
    expected = native.model.run(x)
    for view in (wide[:, ::2], np.asfortranarray(x)):
        stream = native.model.stream()
        found = [stream.push(view[i : i + 1]) for i in range(3)] + [stream.push(view[3:])]
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=1e-6)


def test_frames_from_another_process_take_the_short_way(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpickled arrays have a dtype that equals numpy's own and is not the same object; another dtype is refused."""
    x = frames(4)
    sent = pickle.loads(pickle.dumps(x))
    assert sent.dtype is not x.dtype
    expected = native.model.run(x)
    stream = native.model.stream()
    first = stream.push(sent[:1])
    with monkeypatch.context() as patched:
        patched.setattr(type(stream.runner), "_push_any", lambda *_: pytest.fail("the long way"))
        rest = [stream.push(sent[i : i + 1]) for i in range(1, 4)]
    np.testing.assert_allclose(np.concatenate([first, *rest]), expected, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="expected dtype float32"):
        stream.push(sent[:1].astype(np.float64))


def test_many_push_sizes_keep_few_buffers(native: Exported) -> None:
    """A caller whose chunks have many sizes does not grow the stream without bound, in number nor in frames."""
    stream = native.model.stream()
    x = frames(400)
    sizes = itertools.chain(range(1, 20), range(19, 0, -1))
    found, start = [], 0
    for size in sizes:
        found.append(stream.push(x[start : start + size]))
        start += size
    np.testing.assert_allclose(np.concatenate(found), native.model.run(x[:start]), rtol=0, atol=1e-5)
    for size in range(1, 120):
        stream.push(x[:size])
    kept = stream.runner._bindings._others
    assert 19 <= len(kept) <= 64 and sum(kept) <= 8 * native.model.contract.piece


def test_who_calls_the_class_is_told_what_makes_it(native: Exported) -> None:
    """A model is opened, a stream and a pool are its own."""
    for make, words in (
        (lambda: Model("net.onnx"), r"Model: .* found 'net.onnx'; open a file with load\(path\)"),  # type: ignore[arg-type]
        (lambda: Stream(native.model), r"Stream: .* found a Model; .*load\(path\).stream\(\)"),  # type: ignore[arg-type]
        (lambda: StreamPool(native.model, 2, None, None), r"StreamPool: .*pool\(capacity\)"),  # type: ignore[arg-type]
        (lambda: Batcher(native.model, 0.1, 1, "block"), r"Batcher: .*batcher\(\)"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputError, match=words):
            make()
