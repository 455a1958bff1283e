"""A thousand streams on one machine: none loses a frame, each gets what it would get alone.

Seven seconds in CI; ten minutes with `RNNEDGE_SOAK=full`, as `make soak` sets it.
"""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from exported import Exported, export_network
from paced import Paced, ThroughBatcher, ThroughPool, pace

from rnnedge_runtime.pool import Member

FULL = os.environ.get("RNNEDGE_SOAK") == "full"
SECONDS = 600.0 if FULL else 6.0
RATE_HZ = 20.0


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A two-layer GRU tagger."""
    return export_network("gru-2", "native", tmp_path_factory.mktemp("streams"))


@pytest.fixture(autouse=True)
def collector_left_alone() -> Iterator[None]:
    """A full collection over all that torch has loaded would stop the streams for 200 ms."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def check(found: Paced) -> None:
    """Every frame came, and is the one that a stream alone gives; the latency is shown with `pytest -s`."""
    streams, frames = found.latency_s.shape
    changes = sum(map(len, found.starts)) - streams
    milliseconds = {f"p{p:g}_ms": round(found.percentile_ms(p), 2) for p in (50, 90, 99, 99.9, 100)}
    print(json.dumps({"streams": streams, "frames": streams * frames, "left": changes, **milliseconds}))
    assert changes > 0
    assert found.worst_error() <= 1e-6


@pytest.mark.slow
@pytest.mark.timeout(7200 if FULL else 300)
def test_a_thousand_streams_lose_nothing(tagger: Exported) -> None:
    """Frames at 20 Hz each, some streams leave and others come: all are answered, as by streams of their own."""
    model = tagger.model
    pool = model.pool(1000)
    check(pace(ThroughPool(pool), [pool.join() for _ in range(1000)], model, SECONDS, RATE_HZ))


@pytest.mark.slow
@pytest.mark.timeout(7200 if FULL else 300)
def test_streams_behind_a_batcher_lose_nothing(tagger: Exported) -> None:
    """A fourth as many, because a request and a future of its own cost a frame ten times what the pool does."""
    model = tagger.model
    with model.pool(250).batcher(0.005, queue=64) as batcher:
        found = pace(ThroughBatcher(batcher), [batcher.join() for _ in range(250)], model, SECONDS / 6, RATE_HZ)
    check(found)
    done = found.latency_s.size + sum(map(len, found.starts)) - len(found.starts)
    assert +batcher.counters == {"submitted": done, "completed": done}


def _swapped(found: Mapping[Member, Any]) -> dict[Member, Any]:
    first, *others = found
    return {**found, **({first: found[others[0]], others[0]: found[first]} if others else {})}


def _silent(found: Mapping[Member, Any]) -> dict[Member, Any]:
    return {member: frame * float("nan") for member, frame in found.items()}


def test_a_stall_is_not_hidden(tagger: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """A push that hangs for a second makes the frames late that were planned meanwhile, though nobody sent them."""
    pool = tagger.model.pool(20)
    push, calls = pool.push, iter(range(10_000))

    def stalled(frames: Any) -> Any:
        if next(calls) == 0:
            time.sleep(1.0)
        return push(frames)

    monkeypatch.setattr(pool, "push", stalled)
    found = pace(ThroughPool(pool), [pool.join() for _ in range(20)], tagger.model, 1.5, RATE_HZ)
    assert found.percentile_ms(50) > 200
    assert found.worst_error() <= 1e-6


@pytest.mark.parametrize("fault", [_swapped, _silent])
def test_a_pool_that_mixes_streams_up_is_seen(
    fault: Callable[[Any], Any], tagger: Exported, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that gives a member another's frame, and one that gives none."""
    pool = tagger.model.pool(20)
    push = pool.push
    monkeypatch.setattr(pool, "push", lambda frames: fault(push(frames)))
    found = pace(ThroughPool(pool), [pool.join() for _ in range(20)], tagger.model, 1.0, RATE_HZ)
    assert found.worst_error() > 1e-3
