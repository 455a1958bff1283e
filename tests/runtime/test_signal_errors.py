"""What a signal's handler raises in a run is itself, whatever its type, and never a failure of the engine."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from exported import Exported

from rnnedge_runtime import ProviderError, Stream
from rnnedge_runtime._signal_handlers import of_a_handler

FRAMES = np.random.default_rng(0).standard_normal((4, 5)).astype(np.float32)


class Mine(RuntimeError):
    """Of the kind that onnxruntime raises."""


def _raise(kind: type[Exception], *_: object) -> None:
    raise kind("in time")


class _Handler:
    """One that is an object, and one that is a method."""

    def __init__(self, kind: type[Exception]) -> None:
        self._kind = kind

    def __call__(self, *_: object) -> None:
        raise self._kind("in time")

    def hear(self, *_: object) -> None:
        """As the other."""
        raise self._kind("in time")


def _rung(stream: Stream, handler: Any) -> Stream:
    """The next run of this stream is made, and then the signal comes."""
    runner = stream.runner
    real = runner._fast.calls[runner._turn]

    def run() -> object:
        runner._fast.calls = calls
        found = real()
        signal.raise_signal(signal.SIGUSR1)
        return found

    signal.signal(signal.SIGUSR1, handler)
    calls = runner._fast.calls
    runner._fast.calls = (run, run)
    return stream


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="no such signal here")
@pytest.mark.parametrize("kind", [RuntimeError, Mine, RecursionError])
def test_it_comes_out_as_it_is_and_the_stream_is_as_before(native: Exported, kind: type[Exception]) -> None:
    """Of a push and of a step, from handlers of any make."""
    before = signal.getsignal(signal.SIGUSR1)
    makers: list[Callable[[], Any]] = [
        lambda: lambda *_: _raise(kind), lambda: partial(_raise, kind), lambda: _Handler(kind),
        lambda: _Handler(kind).hear,
    ]  # fmt: skip
    try:
        for make in makers:
            for use in (lambda stream: stream.push(FRAMES[:1]), Stream.step):
                stream, other = native.model.stream(), native.model.stream()
                for one in (stream, other):
                    one.push(FRAMES[1:2])
                    one.input[...] = FRAMES[:1]
                kept = stream.snapshot()
                with pytest.raises(kind, match=r"^in time$") as caught:
                    use(_rung(stream, make()))
                assert type(caught.value) is kind and not isinstance(caught.value, ProviderError)
                assert of_a_handler(caught.value) and stream.snapshot() == kept
                assert np.array_equal(stream.push(FRAMES), other.push(FRAMES))
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_an_error_of_nobody_is_none_of_a_handler() -> None:
    """One that was raised here."""
    with pytest.raises(ValueError, match="x") as caught:
        raise ValueError("x")
    assert not of_a_handler(caught.value)
