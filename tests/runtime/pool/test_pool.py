"""A member of a pool gets what a stream of its own would give it, whatever its neighbours do."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import quickly
import torch
from exported import Exported, export_network, export_window
from idioms import IDIOMS
from in_one_test import in_one_test
from shares import those

from examples.networks import NETWORKS
from rnnedge_runtime import InputError, Model, OwnerError, ProviderError, Stream, load
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engines._ort import OrtEngine
from rnnedge_runtime.golden import max_error, named
from rnnedge_runtime.pool import Member, StreamPool
from rnnedge_runtime.sample import sample_frames

NON_FINITE = ("reject", "hold", "zero", "reset")
GAPS = ("hold", "zero", "reset")


class Twins:
    """A pool, and beside each member the stream that it has to equal."""

    def __init__(self, model: Model, capacity: int, seed: int) -> None:
        self.model, self.rng = model, np.random.default_rng(seed)
        self.pool = model.pool(capacity)
        self.twins: dict[Member, Stream] = {}
        self.finished: set[Member] = set()
        self.compared = 0

    def live(self, steps: int) -> None:
        """`steps` times: somebody comes, goes, ends, fails, is copied; then some get frames."""
        for _ in range(steps):
            self.someone_does_something()
            chosen = [m for m in self.twins if self.rng.random() < 0.8 and m not in self.finished]
            self.push(chosen)
            for member, twin in self.twins.items():
                assert self.pool.frames(member) == twin.frames and member.counters == twin.counters

    def push(self, members: list[Member]) -> None:
        """Equally many frames for all, or not; some hold a NaN where their policy is not to reject."""
        equal = int(self.rng.integers(0, 4)) * self.model.contract.unit if self.rng.random() < 0.7 else None
        frames = {}
        for member in members:
            count = int(self.rng.integers(0, 9)) if equal is None else equal
            frames[member] = sample_frames(self.model.contract, count, int(self.rng.integers(1 << 30)))
            floats = not isinstance(frames[member], dict) and frames[member].dtype.kind == "f"
            if floats and member.policies.non_finite != "reject" and count and self.rng.random() < 0.1:
                frames[member][self.rng.integers(count), ..., 0] = self.rng.choice([np.nan, np.inf])
        found = self.pool.push(frames)
        assert list(found) == members
        for member in members:
            self.compare(found[member], self.twins[member].push(frames[member]))

    def someone_does_something(self) -> None:
        """One of what a member can do besides getting frames."""
        what = self.rng.choice(["join", "join", "leave", "finish", "reset", "gap", "move", "nothing"])
        if what == "join" and len(self.pool) < self.pool.capacity:
            kinds = {"non_finite": self.rng.choice(NON_FINITE), "gap": self.rng.choice(GAPS)}
            self.twins[self.pool.join(**kinds)] = self.model.stream(**kinds)
        if not self.twins:
            return
        member = list(self.twins)[self.rng.integers(len(self.twins))]
        twin = self.twins[member]
        if what == "leave":
            self.pool.leave(member)
            del self.twins[member]
            self.finished.discard(member)
        elif what == "reset" or member in self.finished:
            self.pool.reset(member)
            twin.reset()
            self.finished.discard(member)
        elif what == "finish" and twin.frames:
            self.compare(self.pool.finish(member), twin.finish())
            self.finished.add(member)
        elif what == "gap":
            count = int(self.rng.integers(1, 5))
            self.compare(self.pool.gap(member, count), twin.gap(count))
        elif what == "move":
            self.pool.restore(member, twin.snapshot())
            twin.restore(self.pool.snapshot(member))

    def compare(self, found: object, expected: object) -> None:
        """Same names, shapes and numbers."""
        found, expected = (named(self.model.contract, side) for side in (found, expected))
        assert list(found) == list(expected)
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            assert max_error(found[name], array) <= 1e-6 * max(1.0, np.abs(array).max(initial=0.0))
        self.compared += 1


@in_one_test("seed", range(2))
def test_a_member_equals_its_stream(tagger: Exported, seed: int) -> None:
    """Every form."""
    twins = Twins(tagger.model, 20, seed)
    twins.live(60)
    assert twins.pool.batched and twins.compared > 150


@in_one_test("seed", range(2))
def test_summaries_are_each_member_s_own(both: Exported, seed: int) -> None:
    """A network with an output per frame and two of the whole sequence, in every form."""
    twins = Twins(both.model, 12, seed)
    twins.live(60)
    assert twins.pool.batched


def test_frames_from_other_processes_share_a_call(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpickled arrays have a dtype that equals numpy's own and is not the same object."""
    pool = native.model.pool(2)
    x = np.random.default_rng(0).standard_normal((1, 5), np.float32)
    a, b = pool.join(), pool.join()
    pool.push({a: x, b: x})
    monkeypatch.setattr(type(pool), "_push_any", lambda *_: pytest.fail("one by one"))
    found = pool.push({a: x, b: pickle.loads(pickle.dumps(x))})
    np.testing.assert_array_equal(found[a], found[b])


def test_members_that_hold_a_frame_are_pushed_together(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they hold is the last frame of the last push."""
    pool, stream = native.model.pool(2), native.model.stream(non_finite="hold")
    x, y = np.random.default_rng(0).standard_normal((2, 2, 5), np.float32)
    members = [pool.join(non_finite="hold") for _ in range(2)]
    pool.push(dict.fromkeys(members, x))
    with monkeypatch.context() as patch:
        patch.setattr(type(pool), "_push_any", lambda *_: pytest.fail("one by one"))
        pool.push(dict.fromkeys(members, y))
    for frames in (x, y):
        stream.push(frames)
    spoiled = np.full_like(x[:1], np.nan)
    np.testing.assert_allclose(pool.push({members[1]: spoiled})[members[1]], stream.push(spoiled), rtol=0, atol=1e-6)


def test_tokens_are_pooled(tokens: Exported) -> None:
    """Integers have no NaN."""
    Twins(tokens.model, 8, 0).live(40)


# None: of windows.py.
CASES = {
    **dict.fromkeys(("same", "stride", "unet", "two-d")),
    "dual-path": lambda: (*NETWORKS["dual-path"].build(), NETWORKS["dual-path"].time_axis),
    "several-inputs": lambda: (IDIOMS["several-inputs"].build().eval(), IDIOMS["several-inputs"].example, 1),
    "cumulative-norm": lambda: (IDIOMS["cumulative-norm"].build().eval(), torch.randn(1, 400, 1), 1),
}


def exported(case: str, folder: Path) -> Model:
    """One of CASES as a file."""
    if (build := CASES[case]) is None:
        return export_window(case, folder).model
    torch.manual_seed(0)
    module, example, time_axis = build()
    quickly.export(module, example, folder / "m.onnx", time_axis=time_axis)
    return load(folder / "m.onnx")


@pytest.mark.parametrize("case", those(("same", "unet", "two-d", "several-inputs", "cumulative-norm"), CASES))
def test_whatever_can_stream_can_be_pooled(case: str, tmp_path: Path) -> None:
    """Frames that wait, first calls that mean nothing, several inputs, batches folded into another axis, counters."""
    model = exported(case, tmp_path)
    twins = Twins(model, 6, 0)
    twins.live(30)
    # Its sequences share the number of their frame, so they cannot share a call.
    assert twins.pool.batched == (case != "cumulative-norm")
    folded = [state for state in model.contract.states if "*" in str(state.shape[state.batch_axis])]
    assert bool(folded) == (case in ("two-d", "dual-path", "cumulative-norm"))


def test_a_bad_frame_names_its_member_and_moves_nobody(native: Exported) -> None:
    """Neither the one before it nor the one behind it in the same push, nor those that need several calls."""
    model = native.model
    pool = model.pool(3)
    members = [pool.join(name) for name in ("door", "hall", "roof")]
    frames = {member: sample_frames(model.contract, 3 + k, k) for k, member in enumerate(members)}
    pool.push(frames)
    before = [pool.snapshot(member) for member in members]
    bad = dict(frames)
    bad[members[1]] = bad[members[1]].copy()
    bad[members[1]][2, 1] = np.nan
    with pytest.raises(InputError, match=r"^hall: input 'x': frame 6, feature 1: expected a finite number, found nan"):
        pool.push(bad)
    with pytest.raises(InputError, match=r"^roof: input 'x': expected shape"):
        pool.push({**frames, members[2]: np.zeros((2, 2), np.float32)})
    assert [pool.snapshot(member) for member in members] == before
    assert pool.counters == members[1].counters == {"rejected": 1}


class Failing:
    """An engine that fails at one of its calls."""

    def __init__(self, engine: OrtEngine, calls: int) -> None:
        self.__dict__.update({name: getattr(engine, name) for name in ("provider", "inputs", "outputs", "metadata")})
        self._engine, self.left, self.failures = engine, calls, (RuntimeError,)

    checks_finite = in_place = False

    def stop(self, undoes: bool) -> object:
        return self._engine.stop(undoes)

    def hold(self, states: object, sets: object, batch: int) -> object:
        return self._engine.hold(states, sets, batch)  # type: ignore[arg-type]

    def bind(self, inputs: object, outputs: object, stop: object) -> object:
        run = self._engine.bind(inputs, outputs, stop)  # type: ignore[arg-type]

        def call() -> None:
            self.left -= 1
            if not self.left:
                raise RuntimeError("lost")
            run()

        return call


@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_call_that_fails_moves_nobody(step: int, native: Exported) -> None:
    """Members of three lengths and a long push take several calls: whichever fails, all are as before."""
    model = native.model
    pool = model.pool(4)
    members = [pool.join() for _ in range(4)]
    pool.push({member: sample_frames(model.contract, 2, k) for k, member in enumerate(members)})
    before = [pool.snapshot(member) for member in members]
    frames = {m: sample_frames(model.contract, n, 9) for m, n in zip(members, (6000, 6000, 6000, 2), strict=True)}
    engine = Failing(model.engine, 10**9)
    broken = StreamPool(LoadedModel("m", model.digest, model.contract, engine), 4, None, None)  # type: ignore[arg-type]
    others = [broken.join() for _ in range(4)]
    for member, data in zip(others, before, strict=True):
        broken.restore(member, data)
    engine.left = step
    given = dict(zip(others, frames.values(), strict=True))
    with pytest.raises(ProviderError, match="lost"):
        broken.push(given)
    assert [broken.snapshot(member) for member in others] == before
    expected, found = pool.push(frames), broken.push(given)
    assert all(np.array_equal(a, b) for a, b in zip(expected.values(), found.values(), strict=True))


def test_one_who_left_is_a_stranger(native: Exported) -> None:
    """Also where somebody else has its place, and in another pool; the pool says how many it takes."""
    pool, other = native.model.pool(1), native.model.pool(1)
    member = pool.join()
    frames = sample_frames(native.model.contract, 1)
    with pytest.raises(InputError, match="pool: full, it has 1 members"):
        pool.join()
    pool.leave(member)
    pool.join()
    for place in (pool, other):
        with pytest.raises(InputError, match="'member 0'> is no member"):
            place.push({member: frames})
    assert pool.push({}) == {} and len(pool.members) == 1


def test_a_file_with_a_fixed_batch_has_no_pool(native: Exported) -> None:
    """The error says what to do; so does that for no room."""
    contract = native.model.contract
    port = replace(contract.inputs[0], shape=tuple(1 if d == "batch" else d for d in contract.inputs[0].shape))
    fixed = Model(LoadedModel("m", "", replace(contract, inputs=(port,)), native.model.engine))
    with pytest.raises(InputError, match="made for batch 1; export the model with an open batch"):
        fixed.pool(2)
    with pytest.raises(InputError, match=r"capacity: expected an integer from 1 to .*, found 0"):
        native.model.pool(0)


def test_two_threads_in_a_pool_are_told(native: Exported) -> None:
    """A callback that comes in again is the same mistake."""
    pool = native.model.pool(1)
    member = pool.join(non_finite="zero", on_event=lambda event: pool.reset(member))
    with pytest.raises(OwnerError, match=r"^pool: thread .*share it through a Batcher"):
        pool.push({member: np.full((1, 5), np.nan, np.float32)})


def test_members_of_a_network_of_summaries_alone_get_them_at_the_end(tmp_path: Path) -> None:
    """A push gives each of them no frame, `finish` gives the summary of its own sequence."""
    exported = export_network("classifier-gru", "native", tmp_path)
    pool, rng = exported.model.pool(3), np.random.default_rng(0)
    sequences = {pool.join(): rng.standard_normal((n, 5)).astype(np.float32) for n in (4, 4, 7)}
    found = pool.push(sequences)
    assert [array.shape for array in found.values()] == [(0, 4)] * 3
    for member, frames in sequences.items():
        alone = exported.model.stream()
        alone.push(frames)
        assert max_error(pool.finish(member), alone.finish()) <= 1e-6
