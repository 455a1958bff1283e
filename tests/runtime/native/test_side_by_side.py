"""Blocks of a batch on several threads: the bits of one thread, and what is refused or ended is undone everywhere."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from native_library import compile_library
from torch import Tensor, nn

from rnnedge_runtime import InputError, Model, Stalled, load
from rnnedge_runtime.engines.native import _engine

_BATCH = 9


class Words(nn.Module):
    """Tokens, of which there are 11, and frames; the table is read by whatever comes."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 4)
        self.gru = nn.GRU(7, 6, batch_first=True)

    def forward(self, tokens: Tensor, x: Tensor) -> Tensor:
        """(batch, time) int64 and (batch, time, 3) -> (batch, time, 6)."""
        found: Tensor = self.gru(torch.cat([self.table(tokens), x], -1))[0]
        return found


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls as short as these are shared too."""
    monkeypatch.setattr(_engine, "_SHARED_S", 0.0)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GRU; its library has steps of two sequences and of one."""
    target = tmp_path_factory.mktemp("shared") / "net.onnx"
    torch.manual_seed(0)
    quickly.export(nn.GRU(5, 6, batch_first=True), torch.zeros(1, 12, 5), target)
    compile_library(target.read_bytes(), target.parent, block=2)
    return target


@pytest.fixture
def models(path: Path) -> tuple[Model, Model]:
    """On one thread, and on three."""
    return load(path, provider="native"), load(path, provider="native", threads=3)


def _helpers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("rnnedge-native")]


def _frames(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((_BATCH, count, 5)).astype(np.float32)


def _rounds(model: Model) -> Iterator[np.ndarray]:
    """What members get of rounds in which most have something."""
    pool, rng = model.pool(_BATCH), np.random.default_rng(3)
    members = [pool.join(str(number)) for number in range(_BATCH)]
    for count in (1, 4, 1, 9):
        chosen = [member for member in members if rng.random() < 0.8]
        given = {member: rng.standard_normal((count, 5)).astype(np.float32) for member in chosen}
        yield from pool.push(given).values()


def test_three_threads_give_the_bits_of_one(models: tuple[Model, Model]) -> None:
    """Streams of a batch, by pushes of several sizes and by steps; pools whose members come and go."""
    one, three = (model.stream(batch=_BATCH) for model in models)
    for count in (1, 7, 64, 1, 2000):
        x = _frames(count, count)
        np.testing.assert_array_equal(three.push(x), one.push(x))
    for stream in (one, three):
        stream.input[...] = _frames(1).reshape(stream.input.shape)
        stream.step()
    np.testing.assert_array_equal(three.output, one.output)
    for name, state in one.states.items():
        np.testing.assert_array_equal(three.states[name], state)
    assert _helpers()
    for found, expected in zip(*map(_rounds, models), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_call_that_is_too_short_begins_no_thread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a batch of one block."""
    monkeypatch.setattr(_engine, "_SHARED_S", 1.0)
    before = len(_helpers())
    load(path, provider="native", threads=2).stream(batch=_BATCH).push(_frames(1))
    monkeypatch.setattr(_engine, "_SHARED_S", 0.0)
    load(path, provider="native", threads=2).stream().push(_frames(50)[0])
    assert len(_helpers()) == before


def test_numbers_that_are_refused_leave_every_block_as_it_was(models: tuple[Model, Model]) -> None:
    """NaN in the last sequence: nothing runs, and what was computed before stays readable."""
    for model in models:
        stream = model.stream(batch=_BATCH)
        stream.push(_frames(3))
        before, x = stream.snapshot(), _frames(1).reshape(stream.input.shape)
        stream.input[...] = x
        stream.step()
        shown, after = stream.output.copy(), stream.snapshot()
        x.reshape(_BATCH, 5)[-1, -1] = np.nan
        stream.input[...] = x
        with pytest.raises(InputError):
            stream.step()
        assert stream.snapshot() == after != before
        np.testing.assert_array_equal(stream.output, shown)


def test_a_token_that_no_table_has_leaves_every_block_as_it_was(tmp_path: Path) -> None:
    """A step that finds it ends the others' calls, and all are undone."""
    target = tmp_path / "net.onnx"
    torch.manual_seed(0)
    quickly.export(Words(), (torch.zeros(1, 12, dtype=torch.int64), torch.zeros(1, 12, 3)), target)
    compile_library(target.read_bytes(), target.parent, block=2)
    stream = load(target, provider="native", threads=2).stream(batch=_BATCH)
    tokens, x = np.ones((_BATCH, 40), np.int64), _frames(40)[..., :3]
    stream.push({"tokens": tokens, "x": x})
    before = stream.snapshot()
    tokens[4, 30] = 11
    with pytest.raises(InputError):
        stream.push({"tokens": tokens, "x": x})
    assert stream.snapshot() == before


def test_a_run_that_takes_too_long_is_ended_in_every_thread(path: Path) -> None:
    """And has not happened: the same frames, in pieces, give what one stream gives."""
    model = load(path, provider="native", threads=2)
    stream = model.stream(batch=_BATCH, time_limit_s=0.002)
    x = np.broadcast_to(_frames(1), (_BATCH, 200_000, 5))
    with pytest.raises(Stalled):
        stream.push(x)
    # Goes on where nothing has to be done in time.
    other = model.stream(batch=_BATCH)
    other.restore(stream.snapshot())
    np.testing.assert_array_equal(other.push(x[:, :10]), _after(model, stream.frames, x))


def _after(model: Model, frames: int, x: np.ndarray) -> np.ndarray:
    stream = model.stream(batch=_BATCH)
    if frames:
        stream.push(x[:, :frames])
    return np.asarray(stream.push(x[:, :10]))


def test_streams_of_several_threads_share_the_helpers(models: tuple[Model, Model]) -> None:
    """Each gets its own results."""
    x = _frames(200)
    expected = models[0].stream(batch=_BATCH).push(x)
    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(models[1].stream(batch=_BATCH).push, x) for _ in range(12)]
        for future in futures:
            np.testing.assert_array_equal(future.result(), expected)


def test_helpers_end_with_the_model(path: Path) -> None:
    """Nothing is left of a model that nobody holds."""
    before = set(_helpers())
    model = load(path, provider="native", threads=3)
    model.stream(batch=_BATCH).push(_frames(2))
    mine = set(_helpers()) - before
    assert len(mine) == 2
    del model
    gc.collect()
    end = time.monotonic() + 60
    while any(thread.is_alive() for thread in mine) and time.monotonic() < end:
        time.sleep(0.01)
    assert not any(thread.is_alive() for thread in mine)
