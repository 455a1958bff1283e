"""Numbers that are none, frames that never came: the declared policy, the same in every form, counted and told."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import Exported, export_network, export_window
from in_one_test import in_one_test

from rnnedge_runtime import Event, InputError
from rnnedge_runtime.contract import FORMS
from rnnedge_runtime.golden import stream_all

CELLS = ("rnn_tanh-1", "lstm-1", "gru-1")
FAULTS = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf, "huge": 1e38, "denormal": 1e-40}
BAD = ("nan", "inf", "-inf")
FRAMES = 24


def spoiled(fault: str) -> np.ndarray:
    """Frames (24, 5) with the fault in one feature of frames 3, 9 and 10."""
    x = np.random.default_rng(0).standard_normal((FRAMES, 5), np.float32)
    x[[3, 9, 10], [0, 4, 4]] = FAULTS[fault]
    return x


def by_torch(module: torch.nn.Module, x: np.ndarray) -> np.ndarray:
    """The module on one whole sequence."""
    with torch.no_grad():
        return module(torch.from_numpy(x)[None])[0].numpy()


def documented(module: torch.nn.Module, x: np.ndarray, policy: str) -> np.ndarray:
    """What the policy promises, by PyTorch."""
    bad = ~np.isfinite(x)
    if policy == "zero":
        return by_torch(module, np.where(bad, np.float32(0), x))
    if policy == "hold":
        held = x.copy()
        for t, f in np.argwhere(bad):
            held[t, f] = held[t - 1, f] if t else 0
        return by_torch(module, held)
    if not bad.any():
        return by_torch(module, x)
    parts = [x[:3], x[4:9], x[11:]]
    return np.concatenate([by_torch(module, part) for part in parts])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_fault_has_the_documented_result_in_every_form(cell: str, form: str, tmp_path: Path) -> None:
    """Whatever the chunks; events and counters are the same too, and finite numbers pass untouched."""
    exported = export_network(cell, form, tmp_path)
    model = exported.model
    for fault, policy in product(FAULTS, ("hold", "zero", "reset")):
        x = spoiled(fault)
        expected = documented(exported.module, x, policy)
        kind = {"hold": "held", "zero": "zeroed", "reset": "reset"}[policy]
        for cuts in ((), range(1, FRAMES), (2, 4, 10, 11)):
            told: list[Event] = []
            stream = model.stream(non_finite=policy, on_event=told.append)
            found = only(stream_all(stream, x, cuts))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=f"{fault} {policy} {cuts}")
            assert dict(stream.counters) == ({kind: 3} if fault in BAD else {})
            assert sum(event.frames for event in told) == sum(stream.counters.values())
    for fault in FAULTS:
        _check_rejected(exported, spoiled(fault), 3 if fault in BAD else 0)


def _check_rejected(exported: Exported, x: np.ndarray, count: int) -> None:
    """Frame by frame, `count` refused by default: as if they had never been."""
    stream = exported.model.stream()
    parts = []
    for frame in range(FRAMES):
        try:
            parts.append(stream.push(x[frame : frame + 1]))
        except InputError:
            assert frame in (3, 9, 10)
    parts.append(stream.finish())
    good = np.isfinite(x).all(axis=1)
    np.testing.assert_allclose(np.concatenate(parts), by_torch(exported.module, x[good]), rtol=0, atol=1e-5)
    assert stream.counters["rejected"] == count


def only(outputs: dict[str, np.ndarray]) -> np.ndarray:
    """The one output."""
    (array,) = outputs.values()
    return array


def test_steps_mend_their_input_in_place(native: Exported) -> None:
    """Hold and zero give what push gives; reset leaves the call out; reject leaves the stream as it was."""
    x = spoiled("nan")
    for policy in ("hold", "zero", "reset"):
        pushed, stepped = (native.model.stream(non_finite=policy) for _ in range(2))
        parts = []
        for frame in x:
            stepped.input[...] = frame
            count = stepped.step()
            parts.append(stepped.output[1 - count :].copy())
        np.testing.assert_array_equal(np.concatenate(parts), pushed.push(x))
        assert stepped.counters == pushed.counters
    stream = native.model.stream()
    stream.input[...] = np.nan
    with pytest.raises(InputError, match="frame 0, feature 0"):
        stream.step()
    assert stream.frames == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_a_held_number_is_remembered_across_pushes_snapshots_and_sequences(native: Exported, batch: int) -> None:
    """Each feature of each sequence has its own; a reset forgets it."""
    x = np.random.default_rng(1).standard_normal((batch, 4, 5), np.float32)
    x[batch - 1, 2:, 3] = np.nan
    mended = x.copy()
    mended[batch - 1, 2:, 3] = x[batch - 1, 1, 3]
    x, mended = (x[0], mended[0]) if batch == 1 else (x, mended)
    whole = native.model.stream(batch).push(mended)
    stream = native.model.stream(batch, non_finite="hold")
    first = stream.push(x[..., :2, :])
    other = native.model.stream(batch, non_finite="hold")
    other.restore(stream.snapshot())
    for one in (stream, other, stream.copy()):
        rest = one.push(x[..., 2:, :])
        np.testing.assert_array_equal(np.concatenate([first, rest], axis=-2), whole)
    stream.reset()
    nothing = np.full_like(x[..., :1, :], np.nan)
    np.testing.assert_array_equal(stream.push(nothing), native.model.stream(batch).push(np.zeros_like(nothing)))


@in_one_test("policy", ["hold", "zero", "reset"])
def test_a_gap_is_filled_or_begins_another_sequence(tagger: Exported, policy: str) -> None:
    """As documented, in every form, and counted."""
    x = np.random.default_rng(2).standard_normal((11, 5), np.float32)
    before, after = x[:5], x[5:]
    stream = tagger.model.stream(gap=policy)
    found = np.concatenate([stream.push(before), stream.gap(3), stream.push(after), stream.finish()])
    if policy == "reset":
        expected = np.concatenate([by_torch(tagger.module, part) for part in (before, after)])
    else:
        filler = np.repeat(x[4:5], 3, axis=0) if policy == "hold" else np.zeros((3, 5), np.float32)
        expected = by_torch(tagger.module, np.concatenate([before, filler, after]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert stream.counters == {"gap": 3}


def test_a_gap_longer_than_a_piece_is_whole(native: Exported) -> None:
    """2,500 frames that never came give 2,500 frames."""
    stream = native.model.stream(gap="zero")
    assert stream.gap(2500).shape == (2500, 3)
    assert stream.frames == 2500


@pytest.mark.parametrize("name", ["same", "stride", "unet"])
def test_a_reset_inside_a_push_completes_the_sequence_before_it(name: str, tmp_path: Path) -> None:
    """Delayed and waiting frames are not lost: both parts are what the module makes of them."""
    model = export_window(name, tmp_path).model
    length = model.contract.whole_length(20)
    shape = (2 * length + 1, *model.contract.inputs[0].frame_shape)
    x = np.random.default_rng(3).standard_normal(shape).astype(np.float32)
    x[length] = np.inf
    expected = np.concatenate([only(stream_all(model.stream(), part)) for part in (x[:length], x[length + 1 :])])
    for cuts in ((), (length - 3, length, length + 5), range(1, 2 * length + 1)):
        found = only(stream_all(model.stream(non_finite="reset"), x, cuts))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{"non_finite": "ignore"}, {"gap": "reject"}, {"time_limit_s": 0.0}])
def test_a_policy_that_does_not_exist_is_refused(native: Exported, options: dict[str, object]) -> None:
    """When the stream is made, naming the ones that do."""
    with pytest.raises(InputError, match="stream: "):
        native.model.stream(**options)
    with pytest.raises(InputError, match="1 or more"):
        native.model.stream().gap(0)
