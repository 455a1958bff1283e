"""The seam: an engine that knows nothing of onnxruntime runs streams and pools, and neither notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from rnnedge_runtime import Contract, Model, Port, ProviderError, Stalled, State
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.contract import Array
from rnnedge_runtime.engine import Buffers, TensorInfo

WIDTH = 3
CONTRACT = Contract(
    inputs=(Port("x", "float32", ("batch", "time", WIDTH), 0, 1),),
    outputs=(Port("y", "float32", ("batch", "time", WIDTH), 0, 1),),
    states=(State("s", "s_next", "float32", ("batch", WIDTH), 0, 1.0),),
    form="native",
    opset=20,
)


class Stopped(Exception):
    """A run was ended."""


class Flag:
    """The engine's `CancelToken`."""

    def __init__(self) -> None:
        self.raised = False

    def set(self) -> None:
        """End runs."""
        self.raised = True

    def clear(self) -> None:
        """Let them pass."""
        self.raised = False


class Leaky:
    """y_t = s_t = s_{t-1} / 2 + x_t in numpy; with `endless` a run waits until it is stopped."""

    provider = "numpy"
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    metadata: Mapping[str, str] = CONTRACT.provenance
    failures = (Stopped,)
    checks_finite = in_place = False

    def __init__(self, endless: bool = False) -> None:
        self.endless = endless

    def stop(self, undoes: bool) -> Flag:
        """A new one."""
        return Flag()

    def hold(self, states: Sequence[State], sets: Sequence[dict[str, Array]], batch: int) -> Sequence[dict[str, Array]]:
        """In the arrays themselves."""
        return sets

    def bind(self, inputs: Buffers, outputs: Buffers, stop: Flag) -> Callable[[], object]:
        """A closure over the arrays."""

        def run() -> None:
            while self.endless:
                if stop.raised:
                    raise Stopped
            state = inputs["s"].copy()
            for t in range(inputs["x"].shape[1]):
                state = state / 2 + inputs["x"][:, t]
                outputs["y"][:, t] = state
            outputs["s_next"][...] = state

        return run


def model_of(engine: Leaky) -> Model:
    """As `load` makes one."""
    return Model(LoadedModel("leaky", "0" * 64, CONTRACT, engine))


def expected(x: np.ndarray) -> np.ndarray:
    """The equation in closed form: y_t = 2^-(t+1) + sum of 2^-(t-k) x_k."""
    t = np.arange(len(x))
    weights = np.tril(0.5 ** np.maximum(0, t[:, None] - t[None]))
    return weights @ x + 0.5 ** (t + 1)[:, None]


def test_streams_run_on_another_engine() -> None:
    """Push, step, snapshot, copy, a whole recording."""
    x = np.random.default_rng(0).standard_normal((40, WIDTH)).astype(np.float32)
    model = model_of(Leaky())
    stream = model.stream()
    parts = [stream.push(x[:1]), stream.push(x[1:8]), stream.push(x[8:8])]
    other = model.stream()
    other.restore(stream.snapshot())
    other = other.copy()
    for frame in x[8:20]:
        other.input[...] = frame
        assert other.step() == 1
        parts.append(other.output.copy())
    parts.append(other.push(x[20:]))
    np.testing.assert_allclose(np.concatenate(parts), expected(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(model.run(x), expected(x), rtol=0, atol=1e-6)
    assert stream.provider == "numpy"


def test_pools_run_on_another_engine() -> None:
    """In changing company."""
    rng = np.random.default_rng(0)
    pool = model_of(Leaky()).pool(5)
    assert pool.batched
    given: dict = {pool.join(): [] for _ in range(5)}
    found: dict = {member: [] for member in given}
    for _ in range(30):
        frames = {m: rng.standard_normal((1, WIDTH)).astype(np.float32) for m in given if rng.random() < 0.6}
        for member, output in pool.push(frames).items():
            given[member].append(frames[member])
            found[member].append(output)
    for member, parts in given.items():
        y = np.concatenate(found[member])
        np.testing.assert_allclose(y, expected(np.concatenate(parts)), rtol=0, atol=1e-6)


def test_another_engine_is_stopped_and_replaced() -> None:
    """By its own exceptions."""
    x = np.ones((3, WIDTH), np.float32)
    with pytest.raises(Stalled, match=r"took longer than 0\.05 s"):
        model_of(Leaky(endless=True)).stream(time_limit_s=0.05).push(x)

    class Broken(Leaky):
        def bind(self, inputs: Buffers, outputs: Buffers, stop: Flag) -> Callable[[], object]:
            def run() -> None:
                raise Stopped("broken")

            return run

    alone = Model(LoadedModel("broken", "0" * 64, CONTRACT, Broken()))
    with pytest.raises(ProviderError, match="provider 'numpy' failed at frame 0: broken"):
        alone.stream().push(x)
    both = Model(LoadedModel("broken", "0" * 64, CONTRACT, Broken(), [Leaky]))
    np.testing.assert_allclose(both.stream().push(x), expected(x), rtol=0, atol=1e-6)
