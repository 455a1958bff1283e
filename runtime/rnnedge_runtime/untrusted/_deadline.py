"""Work on an untrusted file, stopped when its time is up.

A signal does not reach a graph that runs, and a graph ends itself only between two nodes. So the work has a thread of
its own: when the time is up onnxruntime is told to stop, and a kernel that does not listen is left behind to end by
itself. The arena bounds how much such a kernel can have before it, and with that how long it can take.

onnxruntime is imported when a session is about to be opened: the native engine needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, TypeVar

from rnnedge_runtime.contract import Array, State
from rnnedge_runtime.engine import Buffers, CancelToken, DeviceBuffer, TensorInfo
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.untrusted.limits import Limits

if TYPE_CHECKING:
    from rnnedge_runtime.engines._ort import OrtEngine, OrtStop

_T = TypeVar("_T")
_GRACE_SECONDS = 0.2


class Watch:
    """Stops one load. Created for it, handed to the engine, and forgotten when the file is open."""

    def __init__(self, limits: Limits, seconds: float) -> None:
        """Bounds as in `limits`; `seconds` for all of it."""
        self.limits, self.seconds = limits, seconds
        self.stop: OrtStop | None = None
        self.guarded: bytes | None = None
        self._options: Any = None
        self._late = False

    def prepare(self, model: bytes, options: Any) -> bytes:
        """What the engine is to open in place of `model`, a file that nobody vouches for; sets its `SessionOptions`."""
        from rnnedge_runtime.engines._ort import OrtStop
        from rnnedge_runtime.engines.optimizers import FOLDING, HALVES, leave_out
        from rnnedge_runtime.untrusted._arena import use_capped_arena

        self.stop, self._options = OrtStop(), options
        if self._late:
            self.stop.set()
        use_capped_arena(options, self.limits.arena_bytes)
        leave_out(options, FOLDING, HALVES)
        return model if self.guarded is None else self.guarded

    def run(self, work: Callable[[], _T]) -> _T:
        """Do `work`; raises what it raises, and `ModelRefused` where it takes more than the time allowed."""
        results: list[_T] = []
        errors: list[BaseException] = []

        def do() -> None:
            try:
                results.append(work())
            except BaseException as error:
                errors.append(error)
            finally:
                done.set()

        # Not `Thread.join`: a signal in it makes Python 3.11 take the thread for ended (bpo-45274).
        done = Event()
        thread = Thread(target=do, name="rnnedge-untrusted-load", daemon=True)
        try:
            thread.start()
            in_time = done.wait(self.seconds)
        except BaseException:
            # Interrupted. A thread that is in onnxruntime while the interpreter ends would end the process by SIGABRT.
            self._stop()
            if thread.ident is not None:
                done.wait(self.seconds)
            raise
        if not in_time:
            self._stop()
            done.wait(_GRACE_SECONDS)
            raise ModelRefused(f"expected to open and replay in {self.seconds:g} s, found it still busy")
        if errors:
            raise errors[0]
        return results[0]

    def _stop(self) -> None:
        self._late = True
        if self.stop is not None:
            self.stop.set()
        # Newer onnxruntime can also be stopped while it opens a file.
        if hasattr(self._options, "set_load_cancellation_flag"):
            self._options.set_load_cancellation_flag(True)


class WatchedEngine:
    """An engine whose runs end when the watch stops them; used for the replay only."""

    def __init__(self, engine: OrtEngine, stop: OrtStop) -> None:
        """The graph of `engine`; `stop` is the watch's."""
        self._engine, self._stop = engine, stop
        self.provider: str = engine.provider
        self.inputs: tuple[TensorInfo, ...] = engine.inputs
        self.outputs: tuple[TensorInfo, ...] = engine.outputs
        self.metadata: Mapping[str, str] = engine.metadata
        self.failures: tuple[type[Exception], ...] = engine.failures
        self.checks_finite, self.in_place = engine.checks_finite, engine.in_place

    def stop(self, limited: bool) -> CancelToken:
        """The watch's own, for every run."""
        return self._stop

    def hold(
        self, states: Sequence[State], sets: Sequence[Mapping[str, Array]], batch: int
    ) -> Sequence[Mapping[str, Array | DeviceBuffer]]:
        """As `Engine.hold`."""
        return self._engine.hold(states, sets, batch)

    def bind(self, inputs: Buffers, outputs: Buffers, stop: CancelToken) -> Callable[[], object]:
        """As `Engine.bind`."""
        return self._engine.bind(inputs, outputs, stop)
