"""A run that takes too long, two owners, a fork: both engines end it the same way."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from both_engines import ENGINES, Pair, frames_of, pair_of, part, tried
from exported import Exported
from hanging import hanging, patient
from in_one_test import in_one_test

from rnnedge_runtime import Event, Model, OwnerError, Stream
from rnnedge_runtime.checksum import seal

BLOCK = 64


@pytest.fixture(scope="module")
def wide(native: Exported, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The GRU tagger with a program for 64 sequences: a run over 300 of their frames takes milliseconds."""
    path = tmp_path_factory.mktemp("wide") / "wide.onnx"
    shutil.copy(native.path, path)
    return pair_of(path, BLOCK)


@pytest.mark.parametrize("batch", [BLOCK, BLOCK + 1])
def test_a_run_that_takes_too_long_is_ended(wide: Pair, batch: int) -> None:
    """One struct, and two of them: the stream is as before, tells it, and goes on within its limit."""

    def scenario(real: Model) -> Iterator[object]:
        told: list[Event] = []
        model, engine = hanging(real)
        stream, x = model.stream(batch, time_limit_s=0.02, on_event=told.append), frames_of(model, 10, 1, batch)
        # So many that one call of either engine takes them: the error names the frames of a call.
        long = {name: np.tile(array, (1, 30, 1)) for name, array in x.items()}
        first = patient(lambda: stream.push(part(x, 0, 4)))
        told.clear()
        stream.counters.clear()
        engine.hangs = True
        for _ in range(3):
            before = stream.snapshot()
            yield tried(lambda: stream.push(long))
            yield [*told, dict(stream.counters)]
            assert stream.snapshot() == before
        engine.hangs = False
        found = [first, *(patient(lambda t=t: stream.push(part(x, t, t + 1))) for t in range(4, 10))]
        yield np.concatenate(found, axis=1)
        assert {event.kind for event in told} == {"stalled"}

    wide.check(scenario)


@pytest.mark.parametrize("feed", ["push", "step"])
@pytest.mark.parametrize("provider", ENGINES)
def test_many_threads_in_one_stream(plain: Pair, provider: str, feed: str) -> None:
    """Each call runs whole or is refused: the stream stands where as many calls of one thread would have brought it.

    With a time limit, runs of the native engine let Python's lock go.
    """
    model: Model = getattr(plain, provider)
    stream = model.stream(time_limit_s=60.0)
    frame = next(iter(frames_of(model, 1, 2).values()))
    done, refused, errors = [0] * 4, [0] * 4, []
    start = threading.Barrier(4)

    def work(index: int) -> None:
        start.wait()
        for _ in range(3000):
            try:
                stream.push(frame) if feed == "push" else stream.step()
                done[index] += 1
            except OwnerError:
                refused[index] += 1
            except BaseException as error:
                errors.append(error)

    stream.input[...] = frame
    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert stream.frames == sum(done) == 12_000 - sum(refused)
    twin = plain.cpu.stream()
    twin.push(np.tile(frame, (sum(done), 1)))
    np.testing.assert_allclose(stream.push(frame), twin.push(frame), rtol=0, atol=1e-5)


@in_one_test("method", ["push", "step", "finish", "reset", "snapshot", "copy", "gap", "restore"])
@in_one_test("provider", ENGINES)
def test_whoever_comes_in_during_a_run_is_told(plain: Pair, provider: str, method: str) -> None:
    """A callback, and a thread while the first one is in a push; afterwards all is well."""
    inside, go = threading.Event(), threading.Event()
    bad = np.full((1, 5), np.nan, np.float32)
    said: list[object] = []

    def arguments(stream: Stream) -> tuple[object, ...]:
        return {"push": (bad,), "gap": (1,), "restore": (b"",)}.get(method, ())

    def tell(_: Event) -> None:
        said.append(tried(lambda: getattr(stream, method)(*arguments(stream))))
        inside.set()
        assert go.wait(30)

    model: Model = getattr(plain, provider)
    stream = model.stream(non_finite="zero", on_event=tell)
    thread = threading.Thread(target=stream.push, args=(bad,), name="first")
    thread.start()
    assert inside.wait(30)
    with pytest.raises(OwnerError, match="'MainThread' came in while thread 'first'"):
        getattr(stream, method)(*arguments(stream))
    go.set()
    thread.join()
    assert "its own callback" in str(said[0])
    assert stream.frames == 1
    twin, frame = plain.cpu.stream(), np.ones((1, 5), np.float32)
    twin.push(0 * frame)
    np.testing.assert_allclose(stream.push(frame), twin.push(frame), rtol=0, atol=1e-5)


FORKING = """
import os, sys
import numpy as np
import rnnedge_runtime as r
frames = np.ones((1, 5), np.float32)
model = r.load(sys.argv[1], provider=sys.argv[2])
stream, limited, pool = model.stream(), model.stream(time_limit_s=60.0), model.pool(2)
member = pool.join()
first = stream.push(frames)
limited.push(frames), pool.push({member: frames})
child = os.fork()
if child == 0:
    uses = {
        "push": lambda: stream.push(frames), "step": stream.step, "finish": stream.finish, "reset": stream.reset,
        "snapshot": stream.snapshot, "states": lambda: stream.states, "copy": stream.copy, "gap": lambda: stream.gap(1),
        "limited": lambda: limited.push(frames), "pool": lambda: pool.push({member: frames}), "stream": model.stream,
        "run": lambda: model.run(frames), "join": pool.join, "pool of model": lambda: model.pool(1),
    }
    for name, use in uses.items():
        try:
            use()
        except r.OwnerError as error:
            assert "before a fork" in str(error), error
        else:
            sys.exit(f"the child could use its parent's {name}")
    own = r.load(sys.argv[1], provider=sys.argv[2])
    assert np.array_equal(own.stream().push(frames), first)
    del model, stream, limited, pool
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child"
assert np.array_equal(stream.push(frames), limited.push(frames))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
@pytest.mark.parametrize("provider", ENGINES)
def test_a_forked_child_gets_an_error_and_ends_well(plain: Pair, provider: str) -> None:
    """From streams, limited ones and pools; it may load the model itself, and the parent goes on."""
    command = [sys.executable, "-W", "ignore", "-c", FORKING, plain.cpu.name, provider]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def words(tokens: Exported, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A GRU over the rows 0 to 10 of an embedding, in a file that does not say so, as older ones."""
    path = tmp_path_factory.mktemp("words") / "words.onnx"
    model = onnx.load(tokens.path)
    del model.metadata_props[-1]
    held = next(entry for entry in model.metadata_props if entry.key == "rnnedge.contract")
    fields = json.loads(held.value)
    assert fields["inputs"][0].pop("range") == [0, 10]
    held.value = json.dumps(fields)
    path.write_bytes(seal(model.SerializeToString()))
    return pair_of(path)


def refusal(provider: str, act: Callable[[], object]) -> object:
    """The error up to the reason, which each engine says in its own words; or the result."""
    found = tried(act)
    return found.partition(f"provider {provider!r} ")[2].partition(": ")[0] if isinstance(found, str) else found


@in_one_test("limit_s", [None, 60.0])
@in_one_test("batch", [1, 2, 5])
@in_one_test("bad", [11, -12, 2**40])
def test_a_row_that_no_table_has_is_refused(words: Pair, bad: int, batch: int, limit_s: float | None) -> None:
    """In any frame of any sequence, and the stream is as before; a negative one counts from the end."""

    def scenario(model: Model) -> Iterator[object]:
        stream, shape = model.stream(batch, time_limit_s=limit_s), (12,) if batch == 1 else (batch, 12)
        x = np.random.default_rng(1).integers(-11, 11, shape)
        yield stream.push(x)
        for place in (0, 7, x.size - 1):
            wrong = x.copy()
            wrong.flat[place] = bad
            before = stream.snapshot()
            error = refusal(model.provider, lambda w=wrong: stream.push(w))
            assert error == f"failed at frame {stream.frames}"
            yield error
            stream.input[...] = wrong[..., place % 12 : place % 12 + 1]
            assert refusal(model.provider, stream.step) == error
            assert stream.snapshot() == before
        yield stream.push(x)

    words.check(scenario)


def test_a_row_that_no_table_has_harms_no_neighbour(words: Pair) -> None:
    """Nor is it met again, in a round of fewer members."""

    def scenario(model: Model) -> Iterator[object]:
        pool = model.pool(10)
        members = [pool.join(f"m{k}") for k in range(10)]
        yield list(pool.push({m: np.array([k]) for k, m in enumerate(members)}).values())
        yield refusal(model.provider, lambda: pool.push({m: np.array([k + 2]) for k, m in enumerate(members)}))
        for count in (9, 10):
            yield list(pool.push({m: np.array([k]) for k, m in enumerate(members[:count])}).values())

    words.check(scenario)
