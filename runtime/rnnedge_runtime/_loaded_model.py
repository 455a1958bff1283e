"""What every stream of a model shares: its name, its digests, its contract, and the engine that runs it now."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from copy import copy

from rnnedge_runtime._memory import Room, machine
from rnnedge_runtime._open_calls import opened
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.engine import Engine
from rnnedge_runtime.errors import ProviderError


class LoadedModel:
    """One file in memory. Safe to share between threads.

    `name` is what messages call it, `digest` its SHA-256, `source` that of the weights it was made from, "" where the
    file does not say. `calls` is the contract of the calls that the engine takes: those of an engine that makes several
    steps in one are open, where no other takes over from it.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        contract: Contract,
        engine: Engine,
        further: Sequence[Callable[[], Engine]] = (),
        room: Room | None = None,
    ) -> None:
        """`further` open the engines that may take over, one after the other, where the one before fails.

        `room`: the bytes that streams may take; None: what the machine has.
        """
        self.name, self.digest, self.contract, self.engine = name, digest, contract, engine
        self.calls = opened(contract) if engine.in_place and not further else contract
        own = room or machine()
        self.room = own.in_blocks() if engine.in_place else own
        # Whether streams tell of frames of another scale than the proven one; a proof makes such itself.
        self.tells_scale = False
        self.source = contract.provenance.get("weights_sha256") or contract.provenance.get("source_sha256", "")
        self._further = list(further)
        # Whether a stream may be made without a context that the file requires: what makes and proves files does.
        self.assumes_context = False
        # The handler of a signal may come here while its thread is here already.
        self._lock = threading.RLock()

    def assuming(self, contract: Contract) -> LoadedModel:
        """The same file, whose streams start with the contexts of this contract where they are given none."""
        other = LoadedModel(self.name, self.digest, contract, self.engine, self._further, self.room)
        other.assumes_context, other.tells_scale = True, self.tells_scale
        return other

    def without_others(self) -> LoadedModel:
        """The same file, from whose engine no other takes over: a call that fails here says nothing of the engine."""
        other = copy(self)
        other._further = []
        return other

    def after(self, failed: Engine) -> Engine | None:
        """The engine that takes over from `failed`, for the first stream that asks and for all others; None: none."""
        with self._lock:
            if self.engine is failed:
                if not self._further:
                    return None
                self.engine = first_that_starts(self._further)
                # Not before: an exception while it is opened leaves it for the next who asks.
                self._further = self._further[1:]
            return self.engine


def first_that_starts(openers: list[Callable[[], Engine]]) -> Engine:
    """Open engines, best first, until one starts, whose opener is the first on the list then; warns of those before it.

    Raises the `ProviderError` of the last where none starts.
    """
    while True:
        try:
            return openers[0]()
        except ProviderError as error:
            del openers[0]
            if not openers:
                raise
            warnings.warn(f"{error}; the next provider takes its place", RuntimeWarning, stacklevel=2)
