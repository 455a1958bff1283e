"""Values per sequence in a running stream: given at its start, set between frames, kept by reset and snapshots."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import conditioned
import numpy as np
import pytest
import torch

import rnnedge_runtime
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.model import Model

ONE = {"speaker": np.array([0.5, -1.0, 2.0], np.float32), "language": 3}
OTHER = {"speaker": np.array([-0.25, 0.75, 0.0], np.float32), "language": 0}
X = np.random.default_rng(0).standard_normal((23, conditioned.FRAMES)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> Model:
    """The file as a user loads it."""
    return rnnedge_runtime.load(conditioned.file())


def whole(context: Mapping[str, Any], x: Any = X) -> Any:
    """What the module makes of a sequence."""
    speaker, language = torch.as_tensor(context["speaker"]), torch.as_tensor(context["language"])
    with torch.no_grad():
        return conditioned.network()(torch.from_numpy(x)[None], speaker[None], language[None])[0].numpy()


def close(actual: Any, expected: Any) -> None:
    """Within the tolerance of a float32 file."""
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_a_stream_computes_with_its_own_context(model: Model) -> None:
    """Two streams of one model, and a model whose streams start with one."""
    for context in (ONE, OTHER):
        close(model.stream(context=context).push(X), whole(context))
        close(model.with_context(context).stream().push(X), whole(context))
        close(model.run(X, context=context), whole(context))


def test_a_model_with_a_context_keeps_it_in_another_process(tmp_path: Path) -> None:
    """As a pickle of it says; the file itself has none to start from."""
    path = tmp_path / "conditioned.onnx"
    path.write_bytes(conditioned.file())
    packed = pickle.dumps(rnnedge_runtime.load(path).with_context(OTHER))
    close(pickle.loads(packed).stream().push(X), whole(OTHER))


def test_a_batch_has_a_context_for_each_sequence(model: Model) -> None:
    """Rows in the order of the sequences; one value is that of all."""
    rows = {name: np.stack([np.asarray(ONE[name]), np.asarray(OTHER[name])]) for name in ONE}
    found = model.run(np.stack([X, X]), context=rows)
    close(found, np.stack([whole(ONE), whole(OTHER)]))
    close(model.run(np.stack([X, X]), context=ONE)[1], whole(ONE))


def test_a_context_is_set_between_frames_and_kept_by_reset(model: Model) -> None:
    """From the next call on, for those that are named; the recurrence goes on."""
    stream = model.stream(context=ONE)
    close(stream.push(X[:7]), whole(ONE)[:7])
    stream.set_context({"speaker": OTHER["speaker"]})
    assert not np.allclose(stream.push(X[7:]), whole(ONE)[7:], atol=1e-3)
    mixed = {**ONE, "speaker": OTHER["speaker"]}
    np.testing.assert_array_equal(stream.context["speaker"], OTHER["speaker"])
    assert stream.context["language"] == ONE["language"]
    stream.reset()
    close(stream.push(X), whole(mixed))


def test_a_snapshot_and_a_copy_have_the_context(model: Model) -> None:
    """Whatever the stream that goes on was given."""
    stream = model.stream(context=ONE)
    stream.push(X[:7])
    other = model.stream(context=OTHER)
    other.restore(stream.snapshot())
    close(other.push(X[7:]), whole(ONE)[7:])
    close(stream.copy().push(X[7:]), whole(ONE)[7:])


def test_members_of_a_pool_have_contexts_of_their_own(model: Model) -> None:
    """In one call; one is set later, and a place that is taken again has the new member's."""
    pool = model.pool(2)
    first, second = pool.join(context=ONE), pool.join(context=ONE)
    pool.set_context(second, OTHER)
    found = pool.push({first: X[:9], second: X[:9]})
    close(found[first], whole(ONE)[:9])
    close(found[second], whole(OTHER)[:9])
    pool.leave(first)
    third = pool.join(context=OTHER)
    found = pool.push({second: X[9:], third: X})
    close(found[second], whole(OTHER)[9:])
    close(found[third], whole(OTHER))
    pool.reset(third)
    close(pool.push({third: X})[third], whole(OTHER))


def test_a_batcher_hands_contexts_on(model: Model) -> None:
    """At the start, and after what is queued."""
    with model.pool(1).batcher() as batcher:
        member = batcher.join(context=ONE)
        before = batcher.submit(member, X[:7])
        batcher.set_context(member, OTHER).result()
        batcher.reset(member).result()
        close(before.result(), whole(ONE)[:7])
        close(batcher.push(member, X), whole(OTHER))
        with pytest.raises(InputError, match="'voice' is no context"):
            batcher.set_context(member, {"voice": 1})


def test_a_context_that_is_missing_is_named(model: Model) -> None:
    """No stream starts with the example's by accident."""
    for make in (model.stream, model.pool(1).join, lambda **given: model.run(X, **given)):
        with pytest.raises(InputError, match=r"context 'language', int64 \(\) per sequence, found none"):
            make(context={"speaker": ONE["speaker"]})  # type: ignore[operator]


def test_a_model_shows_its_contexts(model: Model) -> None:
    """In a line, and as states of the contract that a stream is given."""
    assert ": x (time, 5); speaker (3), language () -> y (time, 6); " in repr(model)
    assert [(state.input, state.context) for state in model.contract.contexts] == [
        ("speaker", "required"),
        ("language", "required"),
    ]
    assert {state.context for state in model.with_context().contract.contexts} == {"optional"}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"speaker": np.zeros(2, np.float32)}, r"'speaker': expected shape \(3,\), found \(2,\)"),
        ({"speaker": np.array([0, np.nan, 0])}, "'speaker': expected finite numbers"),
        ({"speaker": "loud"}, "'speaker': expected an array of numbers"),
        ({"language": 1.5}, "'language': expected numbers of int64"),
        ({"voice": 1}, r"'voice' is no context of this file; it takes \['language', 'speaker'\]"),
    ],
)
def test_what_is_no_context_is_refused(wrong: dict[str, Any], message: str, model: Model) -> None:
    """At the start and later; the stream is as before."""
    with pytest.raises(InputError, match=message):
        model.stream(context={**ONE, **wrong})
    stream = model.stream(context=ONE)
    with pytest.raises(InputError, match=message):
        stream.set_context(wrong)
    close(stream.push(X), whole(ONE))
