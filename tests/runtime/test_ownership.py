"""One owner at a time: threads and forked children get an error, never a wrong number, a crash or a hang."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from exported import Exported
from in_one_test import in_one_test

from rnnedge_runtime import InputError, OwnerError, Stream

FRAME = np.ones((1, 5), np.float32)


class Waiting:
    """A stand-in for a run that takes until it is let go."""

    def __init__(self) -> None:
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        """Stand in for a bound run."""
        self.entered.set()
        assert self.go.wait(30)


def busy(stream: Stream) -> tuple[Waiting, threading.Thread]:
    """Let a thread called "first" be inside a push."""
    run = Waiting()
    stream.push(FRAME)
    stream.runner._fast.calls = (run, run)
    thread = threading.Thread(target=stream.push, args=(FRAME,), name="first")
    thread.start()
    assert run.entered.wait(30)
    return run, thread


@in_one_test("method", ["push", "step", "finish", "reset", "snapshot", "copy", "gap"])
def test_a_second_thread_gets_an_error_that_names_both(native: Exported, method: str) -> None:
    """While the first is inside a push, whatever the second calls; afterwards all is well."""
    stream = native.model.stream()
    run, thread = busy(stream)
    arguments = {"push": (FRAME,), "gap": (1,)}.get(method, ())
    with pytest.raises(OwnerError, match=r"'MainThread' came in while thread 'first'"):
        getattr(stream, method)(*arguments)
    run.go.set()
    thread.join()
    assert stream.frames == 2
    stream.reset()
    assert stream.push(FRAME).shape == (1, 3)


@pytest.mark.parametrize("method", ["push", "step", "finish"])
def test_a_stream_whose_call_failed_needs_no_collector(native: Exported, method: str) -> None:
    """It is freed with the last reference: an error keeps no variable of the call alive."""
    stream = native.model.stream()
    stream.input[...] = np.nan
    alive = weakref.ref(stream)
    gc.disable()
    try:
        with suppress(InputError):
            getattr(stream, method)(*[np.full((1, 5), np.nan, np.float32)] * (method == "push"))
        del stream
        assert alive() is None
    finally:
        gc.enable()


def test_a_stream_may_be_handed_over(native: Exported) -> None:
    """Threads that take turns get the result of one."""
    x = np.random.default_rng(0).standard_normal((20, 5), np.float32)
    stream, expected = native.model.stream(), native.model.stream().push(x)
    found = []
    for frame in range(20):
        worker = threading.Thread(target=lambda f=frame: found.append(stream.push(x[f : f + 1])))
        worker.start()
        worker.join()
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=0, atol=1e-6)


def test_a_callback_that_uses_its_stream_gets_the_error(native: Exported) -> None:
    """It would otherwise change what the push that called it works on."""
    stream = native.model.stream(non_finite="zero", on_event=lambda _: stream.reset())
    with pytest.raises(OwnerError, match="its own callback"):
        stream.push(np.full_like(FRAME, np.nan))


def test_one_model_is_shared_by_many_threads(native: Exported) -> None:
    """Eight streams in eight threads give what each gives alone."""
    model = native.model
    x = np.random.default_rng(0).standard_normal((8, 400, 5), np.float32)
    found: dict[int, np.ndarray] = {}

    def work(index: int) -> None:
        stream = model.stream()
        found[index] = np.concatenate([stream.push(x[index, t : t + 1]) for t in range(400)])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(8):
        stream = model.stream()
        expected = np.concatenate([stream.push(x[index, t : t + 1]) for t in range(400)])
        np.testing.assert_array_equal(found[index], expected)


FORKING = """
import os, sys, faulthandler
import numpy as np
import rnnedge_runtime as r
faulthandler.enable()
model = r.load(sys.argv[1], threads=int(sys.argv[2]))
stream = model.stream()
stream.push(np.ones((1, 5), np.float32))
child = os.fork()
if child == 0:
    for use in (lambda: stream.push(np.ones((1, 5), np.float32)), stream.step, stream.snapshot, model.stream):
        try:
            use()
        except r.OwnerError as error:
            assert "before a fork" in str(error), error
        else:
            sys.exit("the child could use its parent's session")
    own = r.load(sys.argv[1], threads=int(sys.argv[2]))
    assert own.stream().push(np.ones((1, 5), np.float32)).shape == (1, 3)
    del model, stream
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child"
stream.push(np.ones((1, 5), np.float32))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork here")
@pytest.mark.parametrize("threads", [1, 4, 8])
def test_a_forked_child_gets_an_error_and_ends_well(native: Exported, threads: int, tmp_path: Path) -> None:
    """It may load the model itself; the parent goes on; neither crashes nor hangs, with any number of threads."""
    command = [sys.executable, "-W", "ignore", "-c", FORKING, str(native.path), str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
