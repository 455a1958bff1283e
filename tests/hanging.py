"""An engine whose runs do not come back before they are ended, so that no clock decides when one is too long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rnnedge_runtime import Model, Stalled
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.engine import Buffers, CancelToken


class Heard:
    """A `CancelToken` that tells when it was set."""

    def __init__(self, real: CancelToken) -> None:
        self.real, self.heard = real, threading.Event()

    def set(self) -> None:
        """End the run in progress."""
        self.real.set()
        self.heard.set()

    def clear(self) -> None:
        """Let runs pass again."""
        self.heard.clear()
        self.real.clear()


class Hanging:
    """A real engine; as long as it `hangs`, a run waits until it is ended, and is the real one's then."""

    def __init__(self, real: Any) -> None:
        self._real, self.hangs = real, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def stop(self, limited: bool) -> Heard:
        """The real one's, heard."""
        return Heard(self._real.stop(limited))

    def bind(self, inputs: Buffers, outputs: Buffers, stop: Heard) -> Callable[[], object]:
        """Bind the real one, and wait in front of it."""
        run = self._real.bind(inputs, outputs, stop.real)

        def call() -> object:
            if self.hangs:
                stop.heard.wait()
            return run()

        return call


def hanging(model: Model) -> tuple[Model, Hanging]:
    """The model on such an engine."""
    engine = Hanging(model.engine)
    loaded = LoadedModel(model.name, model.digest, model.contract, engine)  # type: ignore[arg-type]
    return Model(loaded), engine


def patient(act: Callable[[], Any]) -> Any:
    """What `act` returns at last: on a busy machine any call may take longer than its limit."""
    while True:
        try:
            return act()
        except Stalled:
            continue
