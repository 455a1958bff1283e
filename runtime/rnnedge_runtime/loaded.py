"""What every stream of a model shares: its name, its digests, its contract, and the engine that runs it now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rnnedge_runtime.contract import Contract
from rnnedge_runtime.engines import Engine


class Loaded:
    """One file in memory. Safe to share between threads.

    `name` is what messages call it, `digest` its SHA-256, `source` that of the weights it was made from, "" where the
    file does not say.
    """

    def __init__(
        self, name: str, digest: str, contract: Contract, engine: Engine, further: Sequence[Callable[[], Engine]] = ()
    ) -> None:
        """`further` open the engines that may take over, one after the other, where the one before fails."""
        self.name, self.digest, self.contract, self.engine = name, digest, contract, engine
        self.source = contract.provenance.get("weights_sha256") or contract.provenance.get("source_sha256", "")
        self._further = list(further)
        self._lock = threading.Lock()

    def after(self, failed: Engine) -> Engine | None:
        """The engine that takes over from `failed`, for the first stream that asks and for all others; None: none."""
        with self._lock:
            if self.engine is failed:
                if not self._further:
                    return None
                self.engine = self._further.pop(0)()
            return self.engine
