"""An input of whole numbers takes those that the source took, on both engines; others are refused by name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from both_engines import Pair, pair_of, tried
from exported import Exported, export_network
from in_one_test import in_one_test

from rnnedge_runtime import InputError, Model


@pytest.fixture(scope="module")
def ranged(tokens: Exported, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The same, in a file that says so."""
    path = tmp_path_factory.mktemp("ranged") / "ranged.onnx"
    shutil.copy(tokens.path, path)
    return pair_of(path)


@in_one_test("limit_s", [None, 60.0])
@in_one_test("batch", [1, 3])
@in_one_test("bad", [11, -1, -11, 2**40])
def test_a_number_out_of_range_is_named(ranged: Pair, bad: int, batch: int, limit_s: float | None) -> None:
    """By frame and range, in the same words of both engines, whatever the size of the push was before; nothing runs."""

    def scenario(model: Model) -> Iterator[object]:
        stream = model.stream(batch, time_limit_s=limit_s)
        for size in (1, 1, 5, 5, 1):
            shape = (size,) if batch == 1 else (batch, size)
            x = np.random.default_rng(1).integers(0, 11, shape)
            yield stream.push(x)
            wrong = x.copy()
            wrong.flat[-1] = bad
            before, at = stream.snapshot(), stream.frames + size - 1
            place = f"frame {at}" if batch == 1 else f"sequence {batch - 1}, frame {at}"
            words = f"input 'tokens': {place}: expected a number from 0 to 10, found {bad}; nothing was run"
            assert tried(lambda w=wrong: stream.push(w)) == f"InputError: {words}"
            yield stream.push(x)
            stream.restore(before)
            stream.input[...] = bad
            place = f"frame {stream.frames}" if batch == 1 else f"sequence 0, frame {stream.frames}"
            words = f"input 'tokens': {place}: expected a number from 0 to 10, found {bad}; nothing was run"
            assert tried(stream.step) == f"InputError: {words}"
            assert stream.snapshot() == before

    ranged.check(scenario)


def test_a_number_out_of_range_is_that_of_its_member(ranged: Pair) -> None:
    """Of a pool nobody runs then; of a batcher the others do."""

    def scenario(model: Model) -> Iterator[object]:
        pool = model.pool(4)
        members = [pool.join(f"m{k}") for k in range(4)]
        good = {m: np.array([k]) for k, m in enumerate(members)}
        for _ in range(2):
            yield list(pool.push(good).values())
        found = tried(lambda: pool.push({**good, members[2]: np.array([-1])}))
        assert (
            found
            == "InputError: m2: input 'tokens': frame 2: expected a number from 0 to 10, found -1; nothing was run"
        )
        yield list(pool.push(good).values())
        with model.pool(2).batcher(0.01) as batcher:
            one, two = batcher.join("one"), batcher.join("two")
            fine, bad = batcher.submit(one, np.array([3])), batcher.submit(two, np.array([11]))
            yield fine.result()
            assert isinstance(bad.exception(), InputError) and "from 0 to 10, found 11" in str(bad.exception())

    ranged.check(scenario)


def test_a_number_out_of_range_that_would_wait_is_refused_at_once(tmp_path: Path) -> None:
    """Of a file that takes four frames in a call: by a stream and by a pool, and nothing waits."""
    model = export_network("tokens", "unrolled", tmp_path).model
    stream, pool, bad = model.stream(), model.pool(2), np.array([11])
    members = [pool.join(), pool.join()]
    for frame in range(9):
        good = np.array([frame])
        with pytest.raises(InputError, match=f"frame {frame}: expected a number from 0 to 10, found 11"):
            stream.push(bad)
        with pytest.raises(InputError, match=f"frame {frame}: expected a number from 0 to 10, found 11"):
            pool.push({members[0]: good, members[1]: bad})
        found = pool.push(dict.fromkeys(members, good))
        np.testing.assert_allclose(stream.push(good), found[members[1]], rtol=0, atol=1e-6)
