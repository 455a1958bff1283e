"""The models of a server: the one that new streams get, the one before it, and those that streams are still on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rnnedge.live.server.batch import Batch
from rnnedge.live.server.rounds import Round, Work, run_round
from rnnedge.live.server.served import Result, ServedStream
from rnnedge.live.server.share import Share
from rnnedge.live.server.streams import StreamTable
from rnnedge_runtime import Model
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Gap


class Tables:
    """A pool for each model; all methods are for one thread at a time."""

    def __init__(self, model: Model, capacity: int, gap: Gap) -> None:
        self._capacity, self._gap = capacity, gap
        self.current = StreamTable(model, capacity, gap)
        self._before: StreamTable | None = None
        self._share = Share(1.0)
        self._by_model = {model.digest: self.current}

    @property
    def shares(self) -> dict[str, float]:
        """Which share of new streams each model gets, by digest."""
        share = self._share.size
        others = {self._before.model.digest: 1 - share} if self._before is not None and share < 1 else {}
        return {self.current.model.digest: share} | others

    def check(self, model: Model, share: float) -> None:
        """Raise `InputError` for a model that takes or gives something else, or is served so already."""
        check_like(self.current.model, model)
        # Without a model before there is none to have the rest.
        if model.digest == self.current.model.digest and (self._before is None or share == self._share.size):
            raise InputError(f"{model.name}: is the model that is served")

    def switch(self, model: Model, share: float = 1.0) -> None:
        """This share of new streams is on this model, the others on the one before. Raises as `check` does."""
        self.check(model, share)
        self._share = Share(share)
        if model.digest == self.current.model.digest:
            return
        if model.digest not in self._by_model:
            self._by_model[model.digest] = StreamTable(model, self._capacity, self._gap)
        self._before, self.current = self.current, self._by_model[model.digest]
        self._leave_out_idle()

    def back(self) -> Model:
        """New streams are on the model before again, all of them. Raises `InputError` if there is none."""
        if self._before is None:
            raise InputError("serve: there is no model to go back to")
        self._before, self.current = self.current, self._before
        self._share = Share(1.0)
        return self.current.model

    def open(self, name: str, tell: Callable[[Result], None], kept: dict[str, Any] | None) -> ServedStream:
        """As `StreamTable.open`, on the model that `kept` was on. Raises `InputError` if it is not served any more."""
        new = self.current if self._before is None or self._share.takes(name) else self._before
        found = new if kept is None else self._by_model.get(kept["model"])
        if found is None:
            raise InputError(f"stream {name!r}: its model is not served any more; begin the stream again")
        return found.open(name, tell, kept)

    def keep(self, stream: ServedStream) -> dict[str, Any]:
        """As `StreamTable.keep`."""
        return self._by_model[stream.model].keep(stream)

    def keep_open(self, streams: Sequence[ServedStream]) -> list[dict[str, Any] | None]:
        """As `keep`, of each that is open and has had a frame; None for the others."""
        return [self.keep(one) if one.open and one.sequence.expected is not None else None for one in streams]

    def close(self, stream: ServedStream) -> None:
        """As `StreamTable.close`."""
        self._by_model[stream.model].close(stream)
        self._leave_out_idle()

    def _leave_out_idle(self) -> None:
        """Models without streams are let go, but for the one before."""
        if len(self._by_model) > 1:
            kept = (self.current, self._before)
            self._by_model = {name: table for name, table in self._by_model.items() if table in kept or len(table)}

    def run(self, work: Work, batches: Sequence[Batch]) -> list[Round]:
        """A round of each model that has something to do."""
        if len(self._by_model) == 1:
            return [run_round(self.current, work, batches)]
        rounds = []
        for name, table in self._by_model.items():
            own = [(stream, packets) for stream, packets in work if stream.model == name]
            parts = [part for batch in batches if (part := batch.of_model(name)) is not None]
            if own or parts:
                rounds.append(run_round(table, own, parts))
        return rounds


def check_like(served: Model, other: Model) -> None:
    """Raise `InputError` unless clients of one can be clients of the other."""
    for place, one, two in zip(
        ("inputs", "outputs", "labels", "frame rate"), *map(_seen, (served, other)), strict=True
    ):
        if one != two:
            raise InputError(f"{other.name}: {place}: expected those that are served, {one}, found {two}")
    check_served(other.contract, other.name)


def _seen(model: Model) -> tuple[Any, ...]:
    """What a client sees of a model."""
    contract = model.contract
    inputs = [(port.name, port.dtype, list(port.frame_shape)) for port in contract.inputs]
    outputs = [(p.name, p.dtype, list(p.frame_shape), str(p.clock.rate), p.per_frame) for p in contract.outputs]
    return inputs, outputs, list(contract.labels), contract.frame_rate_hz


def check_served(contract: Contract, name: str) -> None:
    """Raise `InputError` for a model that a server cannot give streams of."""
    if len(contract.inputs) > 1 or contract.contexts:
        raise InputError(f"{name}: expected a model of one input and no context; serve it from a program")
