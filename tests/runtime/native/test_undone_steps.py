"""A step of a network with caches of windows keeps few bytes of where it began, and is undone by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import quickly
from native_library import compile_library
from windows import WINDOWS

from rnnedge_runtime import Model, Stream, load
from rnnedge_runtime.engines.native._structs import HeldStates, Structs

Array = np.ndarray[Any, Any]
_STEPS = 40
# Rings of one and of several frames a step, dilated ones, some that begin late, a frame of 4 and of 6 a step.
_NAMES = ["causal", "dilated", "same-residual", "stride", "causal-stride"]


@pytest.fixture(
    scope="module", params=[_NAMES[1], *(pytest.param(n, marks=pytest.mark.long) for n in _NAMES[::2]), "stride"]
)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """In native form, with a block of two sequences."""
    folder = tmp_path_factory.mktemp("undone")
    path: Path = folder / "net.onnx"
    quickly.export(*WINDOWS[request.param](), path)
    compile_library(path.read_bytes(), folder, block=2)
    return load(path, provider="native")


def _structs(stream: Stream) -> Structs:
    held = stream.runner._states._bound[0]
    one = next(iter(held.values()))
    assert isinstance(one, HeldStates)
    return one.structs


def _frames(model: Model, steps: int, batch: int) -> Array:
    shape = (*((batch,) if batch > 1 else ()), steps * model.contract.unit, *model.contract.inputs[0].frame_shape)
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 3])
def test_a_step_is_undone_wherever_the_caches_stand(model: Model, batch: int) -> None:
    """After every number of steps, through the ends of all rings, and after steps made several at once."""
    x, unit, axis = _frames(model, 3 * _STEPS, batch), model.contract.unit, int(batch > 1)
    stream, plain = model.stream(batch=batch), model.stream(batch=batch)
    at = 0
    for k in range(_STEPS):
        size = 30 * unit if k % 20 == 10 else unit
        part = np.take(x, range(at, at + size), axis)
        at += size
        expected = plain.push(part)
        if stream.runner._ready:
            before = stream.snapshot()
            # From here on runs count.
            stream.runner._settle()
            stream.push(part * -3)
            stream.runner._states.rewind(0)
            stream.runner._turn ^= 1
            stream.runner._frames -= size
            assert stream.snapshot() == before
        np.testing.assert_array_equal(stream.push(part), expected)
    assert stream.snapshot() == plain.snapshot()


def test_a_step_keeps_less_than_a_stream_is(model: Model) -> None:
    """The caches of windows are no part of it; several steps at once keep all."""
    stream = model.stream()
    x = _frames(model, 60, 1)
    stream.push(x)
    structs, unit = _structs(stream), model.contract.unit
    for steps in (1, 2):
        for _ in range(2):
            stream.push(x[: steps * unit])
        program, done = structs.blocks[0].program, structs._done[0]
        assert done.undo_bytes == (program.step_kept_bytes if steps == 1 else program.kept_bytes)
        assert program.step_kept_bytes < program.kept_bytes
