"""Where one engine fails, the other goes on with the states."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from both_engines import ENGINES, Pair, frames_of, part, tried
from in_one_test import in_one_test

from rnnedge_runtime import Event, Model
from rnnedge_runtime._loaded_model import LoadedModel


class Broken(Exception):
    """What the engine below raises."""


class Breaking:
    """An engine that fails in its n-th run and ever after, before it has touched anything."""

    def __init__(self, real: Any, runs: int) -> None:
        self._real, self.runs, self.failures = real, runs, (*real.failures, Broken)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def bind(self, *bound: Any) -> Callable[[], object]:
        """The real one, with the fault in front."""
        run = self._real.bind(*bound)

        def call() -> object:
            self.runs -= 1
            if self.runs < 0:
                raise Broken("the device is gone")
            return run()

        return call


@in_one_test("feed", ["push", "step", "chunks"])
@in_one_test("first", ENGINES)
@in_one_test("runs", [0, 1, 5, 7])
def test_the_other_engine_takes_over_with_the_states(pair: Pair, runs: int, first: str, feed: str) -> None:
    """No frame is lost or run twice, whichever of them fails, and with whatever frames in its hands."""
    one, other = (pair.native, pair.cpu) if first == "native" else (pair.cpu, pair.native)
    unit, told = one.contract.unit, list[Event]()
    x = frames_of(one, 40, 3)
    engine: Any = Breaking(one.engine, runs)
    stream = Model(LoadedModel(one.name, one.digest, one.contract, engine, [lambda: other.engine])).stream(
        on_event=told.append
    )
    twin = pair.cpu.stream()
    for start in range(0, 40, unit if feed == "step" else 5):
        if feed == "step":
            for name, view in stream.inputs.items():
                view[...] = x[name][start : start + unit]
            count = stream.step()
            found = stream.outputs["frames" if len(stream.outputs) > 1 else one.contract.outputs[0].name]
            expected: Any = twin.push(part(x, start, start + unit))
            expected = expected["frames"] if isinstance(expected, dict) else expected
            np.testing.assert_allclose(found[len(found) - count :], expected, rtol=0, atol=1e-5)
            continue
        cuts = [start, start + 5] if feed == "chunks" else range(start, start + 6)
        for a, b in pairwise(cuts):
            _close(stream.push(part(x, a, b)), twin.push(part(x, a, b)))
    _close(stream.finish(), twin.finish())
    assert [event.kind for event in told] == ["provider"]
    assert f"'{first}' failed, '{other.provider}' took over" in told[0].text
    assert stream.provider == other.provider


def _close(found: Any, expected: Any) -> None:
    pairs = [(found[n], expected[n]) for n in expected] if isinstance(expected, dict) else [(found, expected)]
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5 * max(1.0, np.abs(b).max(initial=0)))


@pytest.mark.parametrize("provider", ENGINES)
def test_without_another_engine_the_stream_stays_as_it_was(plain: Pair, provider: str) -> None:
    """The error names the provider and the frame."""
    model: Model = getattr(plain, provider)
    engine: Any = Breaking(model.engine, 2)
    stream = Model(LoadedModel(model.name, model.digest, model.contract, engine)).stream()
    frame = np.ones((1, 5), np.float32)
    stream.push(frame), stream.push(frame)
    before = stream.snapshot()
    for act in (lambda: stream.push(frame), stream.step):
        assert f"provider '{provider}' failed at frame 2: the device is gone" in str(tried(act))
    assert stream.snapshot() == before
