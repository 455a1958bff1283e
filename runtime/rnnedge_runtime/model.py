"""A loaded file: engine and contract, immutable, shared by any number of streams and threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime._meant import MODEL, Meant
from rnnedge_runtime._memory import MOST_SEQUENCES, check_pool
from rnnedge_runtime.arguments import instance, integer
from rnnedge_runtime.arrays import array_of
from rnnedge_runtime.context import check_complete, with_initial_context
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.engine import Engine
from rnnedge_runtime.errors import InputError, OwnerError
from rnnedge_runtime.faults import Event, Gap, NonFinite, Policies
from rnnedge_runtime.frames import Frames, Out, named_inputs
from rnnedge_runtime.stream import Stream, open_stream

if TYPE_CHECKING:
    from rnnedge_runtime.pool import StreamPool


class Model(Meant, Generic[Out]):
    """A file ready to stream. Created by `load`; keeps no sequence state, so threads may share it.

    For a type checker `push`, `finish` and `run` give an array. `model: Model[Outputs] = load(...)` says that the file
    has several outputs, and that they give a dict by name.
    """

    _meant = MODEL

    def __init__(self, loaded: LoadedModel, again: Callable[[str], Model[Any]] | None = None) -> None:
        """Used by `load`; `again` loads the same file in another process, if its digest is the one that it is given."""
        self._loaded = instance(loaded, "Model", LoadedModel, remedy="open a file with load(path)")
        self._again = again

    @property
    def loaded(self) -> LoadedModel:
        """What its streams share."""
        return self._loaded

    @property
    def name(self) -> str:
        """What messages call the model: its path."""
        return self._loaded.name

    @property
    def digest(self) -> str:
        """SHA-256 of the file, hexadecimal."""
        return self._loaded.digest

    @property
    def contract(self) -> Contract:
        """What the file promises."""
        return self._loaded.contract

    @property
    def labels(self) -> tuple[str, ...]:
        """What the values of a frame stand for, in their order; empty where the file names none."""
        return self.contract.labels

    def probabilities(self, values: Array) -> Array:
        """Of labels, float64 (..., labels), from what `push`, `finish` or `run` gave, (..., labels).

        A file that was trained with logits says whether they are a softmax or each a sigmoid; of a file that says
        nothing, such as one whose network ends in its own softmax, they are the values as they are.
        Raises `InputError` where the last axis is not one value for each of `labels`.
        """
        # Here, since a stream needs none of it.
        from rnnedge_runtime.scores import labelled, probabilities, scores_of

        return probabilities(labelled(values, self.contract), scores_of(self.contract))

    @property
    def engine(self) -> Engine:
        """What runs the graph now."""
        return self._loaded.engine

    @property
    def provider(self) -> str:
        """The execution provider in use, by the name it is asked for, such as "cpu" or "cuda"."""
        return self.engine.provider

    def __repr__(self) -> str:
        """One line: the file, its inputs and outputs, the provider."""
        from rnnedge_runtime.describe import in_a_line

        contract = self.contract
        kind = f"{contract.form} {contract.precision} on {self.provider!r}"
        return f"<rnnedge Model {self.name!r}: {in_a_line(contract)}; {kind}>"

    def _repr_html_(self) -> str:
        """Tables for a notebook."""
        from rnnedge_runtime.describe import html

        return html(f"Model {self.name}", self.contract, [("provider", self.provider), ("sha256", self.digest)])

    def __copy__(self) -> Model[Out]:
        """Itself: it does not change."""
        return self

    def __deepcopy__(self, memo: object) -> Model[Out]:
        """Itself: it does not change."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """For another process: the file and how it was loaded; it is read, and trusted or not, there again."""
        if self._again is None:
            raise OwnerError(f"{self.name}: a model in memory only cannot go to another process; load its file there")
        return self._again, (self.digest,)

    def stream(
        self,
        batch: int = 1,
        *,
        context: Mapping[str, object] | None = None,
        states: Mapping[str, Array] | None = None,
        non_finite: NonFinite = "reject",
        gap: Gap = "reset",
        on_event: Callable[[Event], None] | None = None,
        time_limit_s: float | None = None,
    ) -> Stream[Out]:
        """Start a sequence, or `batch` sequences that advance together.

        With batch 1, frames are (time, ...); else (batch, time, ...).

        `context`: the values per sequence that the network takes (`contract.contexts`), by name: one of the shape
        without the batch, for every sequence, or one for each of them. Required, unless the file says otherwise;
        `Stream.set_context` changes them, and `reset` keeps them.
        `states`: values that some states start from, and `reset` returns to, in place of those of the file; by the
        names and in the axis order of `contract.states`, for all sequences or for one of them, which then holds for
        each.
        `non_finite`: what a NaN or an infinity in a frame does. "reject": the push raises `InputError`. "hold": the
        last finite number of that feature takes its place, "zero": zero does. "reset": the frame is left out, the
        sequence ends before it and another one begins after it.
        `gap`: what `Stream.gap` does, "hold", "zero" or "reset".
        `on_event` is called with every `Event`, during the call that it came from: it must not use the stream.
        `time_limit_s`: seconds that one call of the stream may take, a push of many pieces or the end of a sequence as
        a whole, before it is ended with `Stalled`. It ends between two nodes of the graph: one kernel is not cut.
        """
        policies = Policies(non_finite, gap, on_event, time_limit_s)
        check_complete(context, states, self._loaded, "stream")
        return open_stream(self._loaded, batch, {} if states is None else states, policies, context)

    def with_context(self, context: Mapping[str, object] | None = None) -> Model[Out]:
        """The same model, whose streams start with this context where they are given none.

        `context`: values of one sequence, as for `stream`; those that are not named are those of the export's example.
        """
        if context is None and not self.contract.contexts:
            return self
        assumed = with_initial_context(self.contract, {} if context is None else context)
        again = None if self._again is None else partial(_with_context_again, self._again, context)
        return Model(self._loaded.assuming(assumed), again)

    def pool(
        self,
        capacity: int,
        *,
        on_event: Callable[[Event], None] | None = None,
        time_limit_s: float | None = None,
    ) -> StreamPool[Out]:
        """Room for `capacity` sequences that come and go, and of which those that have frames advance together.

        `on_event` is called with events that concern a whole call, and `time_limit_s` is that of one push or other call
        of the pool; both as for `stream`. A push of several calls of the graph also ends between two of them.
        Raises `InputError` for a file with a fixed batch, which has no room for others.
        """
        from rnnedge_runtime.pool import StreamPool

        capacity = integer(capacity, "pool: capacity", most=MOST_SEQUENCES)
        if self.contract.batch is not None:
            raise InputError(
                f"pool: the file was made for batch {self.contract.batch}; export the model with an open batch, "
                "or give every sequence a stream of its own"
            )
        check_pool(self.contract, capacity, self._loaded.room)
        try:
            return StreamPool(self._loaded, capacity, on_event, time_limit_s)
        except MemoryError as error:
            raise InputError(f"pool: capacity: {capacity:,} sequences need more memory than there is") from error

    def run(
        self, frames: Frames, *, context: Mapping[str, object] | None = None, time_limit_s: float | None = None
    ) -> Out:
        """Run whole sequences at once.

        `frames`: (time, ...) for one, (batch, time, ...) for several; a dict by name for several inputs.
        `context`: as for `stream`; for several sequences one for all, or one for each.

        Returns what the source module returns for them: per-frame outputs (time, ...) and summaries (...), each with
        a leading batch axis where the input has one; a dict by name where the model has several outputs.
        `time_limit_s`: seconds that all of it may take, as for `stream`.
        Raises `InputError` as `Stream.push` does, for an empty sequence, and if there is no memory for the results;
        `Stalled` beyond the time limit.
        """
        try:
            return self._run(frames, context, time_limit_s)
        except MemoryError as error:
            raise InputError("run: expected memory for the frames and what they give, found none; push them") from error

    def _run(self, frames: Frames, context: Mapping[str, object] | None, time_limit_s: float | None) -> Out:
        start = monotonic()
        port = self.contract.inputs[0]
        given = {name: array_of(one, f"input {name!r}") for name, one in named_inputs(frames, self.contract).items()}
        array = given[port.name]
        batched = array.ndim == len(port.frame_shape) + 2
        stream = self.stream(len(array) if batched else 1, context=context, time_limit_s=time_limit_s)
        single = batched and len(array) == 1
        # Those of the others that have no batch axis are told so.
        alone = {n: a[0] if single and a.shape[:1] == (1,) else a for n, a in given.items()}
        pushed = stream.push(alone)
        if time_limit_s is not None:
            stream.runner.limit(time_limit_s - (monotonic() - start))
        rest = stream.finish()
        time = 1 if batched and len(array) > 1 else 0
        results: dict[str, Array] = {}
        for output in self.contract.outputs:
            parts = [part[output.name] if isinstance(part, dict) else part for part in (pushed, rest)]
            whole: Array = np.concatenate(parts, axis=time) if output.per_frame else parts[1].take(0, axis=time)
            results[output.name] = whole[None] if single else whole
        return results if len(results) > 1 else next(iter(results.values()))  # type: ignore[return-value]


def _with_context_again(
    again: Callable[[str], Model[Any]], context: Mapping[str, object] | None, digest: str
) -> Model[Any]:
    """What a pickled `with_context` is in the process that reads it."""
    return again(digest).with_context(context)
