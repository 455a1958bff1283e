"""A loaded file: engine and contract, immutable, shared by any number of streams and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import IO, TYPE_CHECKING

import numpy as np

from rnnedge_runtime._loaded_model import Loaded, first_that_starts
from rnnedge_runtime._memory import STRICT, check_pool, check_stream
from rnnedge_runtime._origin import Origin, origin_of
from rnnedge_runtime.arguments import choice, integer
from rnnedge_runtime.arrays import array_of
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract import Array, Contract, check_against_graph
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.engines import Engine
from rnnedge_runtime.engines._providers import NATIVE, check_options, choose_providers
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import InputError, ModelRefused, OwnerError
from rnnedge_runtime.faults import Event, Gap, NonFinite, Policies
from rnnedge_runtime.frames import Frames, named_inputs
from rnnedge_runtime.stream import Stream
from rnnedge_runtime.trust import TRUST, trust_of

if TYPE_CHECKING:
    from rnnedge_runtime.pool import StreamPool
    from rnnedge_runtime.untrusted._deadline import Watch
    from rnnedge_runtime.untrusted.limits import Limits

_DEFAULTS = Settings()
# Far more than any process streams; how many a file can afford is a matter of memory.
MOST_SEQUENCES = 1 << 20


class Model:
    """A file ready to stream. Created by `load`; keeps no sequence state, so threads may share it."""

    def __init__(self, loaded: Loaded, origin: Origin | None = None) -> None:
        """Used by `load`; `origin` is what it was asked for."""
        self._loaded, self._origin = loaded, origin

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
    def engine(self) -> Engine:
        """What runs the graph now."""
        return self._loaded.engine

    @property
    def provider(self) -> str:
        """The execution provider in use, by the name it is asked for, such as "cpu" or "cuda"."""
        return self.engine.provider

    def __repr__(self) -> str:
        return f"<rnnedge Model {self.name!r}, {self.contract.form} {self.contract.precision} on {self.provider!r}>"

    def __copy__(self) -> Model:
        """Itself: it does not change."""
        return self

    def __deepcopy__(self, memo: object) -> Model:
        """Itself: it does not change."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """For another process: the file and how it was loaded; it is read, and trusted or not, there again."""
        if self._origin is None:
            raise OwnerError(f"{self.name}: a model in memory only cannot go to another process; load its file there")
        return _load, (self._origin, self.digest)

    def stream(
        self,
        batch: int = 1,
        *,
        states: Mapping[str, Array] | None = None,
        non_finite: NonFinite = "reject",
        gap: Gap = "reset",
        on_event: Callable[[Event], None] | None = None,
        time_limit_s: float | None = None,
    ) -> Stream:
        """Start a sequence, or `batch` sequences that advance together.

        With batch 1, frames are (time, ...); else (batch, time, ...).

        `states`: values that some states start from, and `reset` returns to, in place of those of the file; by the
        names and in the axis order of `contract.states`, for all sequences or for one of them, which then holds for
        each.
        `non_finite`: what a NaN or an infinity in a frame does. "reject": the push raises `InputError`. "hold": the
        last finite number of that feature takes its place, "zero": zero does. "reset": the frame is left out, the
        sequence ends before it and another one begins behind it.
        `gap`: what `Stream.gap` does, "hold", "zero" or "reset".
        `on_event` is called with every `Event`, during the call that it came from: it must not use the stream.
        `time_limit_s`: seconds that one call of the stream may take, a push of many pieces or the end of a sequence as
        a whole, before it is ended with `Stalled`. It ends between two nodes of the graph: one kernel is not cut.
        """
        policies = Policies(non_finite, gap, on_event, time_limit_s)
        batch = integer(batch, "stream: batch", most=MOST_SEQUENCES)
        if self.contract.batch not in (None, batch):
            raise InputError(f"stream: the file was made for batch {self.contract.batch}, found {batch}")
        check_stream(self.contract, batch, self._loaded.room)
        try:
            return Stream(self._loaded, batch, {} if states is None else states, policies)
        except MemoryError as error:
            raise InputError(f"stream: batch: {batch:,} sequences need more memory than there is") from error

    def pool(
        self,
        capacity: int,
        *,
        on_event: Callable[[Event], None] | None = None,
        time_limit_s: float | None = None,
    ) -> StreamPool:
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

    def run(self, frames: Frames, *, time_limit_s: float | None = None) -> Frames:
        """Run whole sequences at once.

        `frames`: (time, ...) for one, (batch, time, ...) for several; a dict by name for several inputs.

        Returns what the source module returns for them: per-frame outputs (time, ...) and summaries (...), each with
        a leading batch axis where the input has one; a dict by name where the model has several outputs.
        `time_limit_s`: seconds that all of it may take, as for `stream`.
        Raises `InputError` as `Stream.push` does, for an empty sequence, and where there is no memory for the results;
        `Stalled` beyond the time limit.
        """
        try:
            return self._run(frames, time_limit_s)
        except MemoryError as error:
            raise InputError("run: expected memory for the frames and what they give, found none; push them") from error

    def _run(self, frames: Frames, time_limit_s: float | None) -> Frames:
        start = monotonic()
        port = self.contract.inputs[0]
        given = {name: array_of(one, f"input {name!r}") for name, one in named_inputs(frames, self.contract).items()}
        array = given[port.name]
        batched = array.ndim == len(port.frame_shape) + 2
        stream = self.stream(len(array) if batched else 1, time_limit_s=time_limit_s)
        single = batched and len(array) == 1
        # Those of the others that have no batch axis are told so.
        alone = {n: a[0] if single and a.shape[:1] == (1,) else a for n, a in given.items()}
        pushed = stream.push(alone)
        if time_limit_s is not None:
            stream._limit(time_limit_s - (monotonic() - start))
        rest = stream.finish()
        time = 1 if batched and len(array) > 1 else 0
        results: dict[str, Array] = {}
        for output in self.contract.outputs:
            parts = [part[output.name] if isinstance(part, dict) else part for part in (pushed, rest)]
            whole: Array = np.concatenate(parts, axis=time) if output.per_frame else parts[1].take(0, axis=time)
            results[output.name] = whole[None] if single else whole
        return results if len(results) > 1 else next(iter(results.values()))


def load(
    path: str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes],
    *,
    provider: str | Sequence[str] = "cpu",
    provider_options: Mapping[str, Mapping[str, str]] | None = None,
    threads: int = 1,
    spinning: bool = False,
    flush_denormals: bool = True,
    optimization: str = "all",
    trust: str | None = None,
    key: str | os.PathLike[str] | None = None,
    signed_as: str | None = None,
    release: int = 0,
) -> Model:
    """Load a file made by `rnnedge.export`.

    `path`: where it is; or its bytes; or a file that is open for reading bytes.
    `provider` is "cpu", "cuda", "tensorrt" or another of onnxruntime's, or "auto" for CUDA and CPU as installed; or
    "native", the file compiled to machine code, without onnxruntime.
    Several, best first, as a list or "cuda,cpu": where one does not start, or fails while running, the next one takes
    over, with a warning or an `Event`. `provider_options` by name go to onnxruntime as they are, such as
    `{"cuda": {"device_id": "1", "enable_cuda_graph": "1"}}`; those of "native" are `library`, a library of
    `rnnedge compile` or its folder, and `target`, for what to compile.
    `threads` are onnxruntime's intra-op threads; `spinning` lets them burn a core while they wait, which only pays for
    large models pushed back to back. `flush_denormals` sets a mode of the threads that make streams: numbers below
    1.2e-38 are zero, for all that such a thread computes.
    `optimization`: how far onnxruntime changes the graph while it loads: "all", "extended", "basic" or "none".
    `trust`: "strict" for a file from somebody else, which is looked through, bounded, and has to replay its golden
    sample; "local" for one that you would run as a program. None: "local" if it was exported on this machine.
    `key`: a public key (PEM); the file then needs a signature of `rnnedge sign` beside it, for the name `signed_as`, by
    default that of the file, and for `release` or a later one. A native library that was not built on this machine
    needs one too, whatever the trust.

    Raises `ModelRefused` for a file that is missing, damaged, not signed as asked, out of bounds or not an rnnedge
    model, `ContractError` where its description contradicts its graph, `ProviderError` where no provider is here.
    """
    if trust is not None:
        choice(trust, "trust", TRUST)
    options = {} if provider_options is None else provider_options
    settings = Settings(provider, options, threads, spinning, flush_denormals, optimization, key, release)
    return _load(origin_of(path, settings, trust, signed_as))


def _load(origin: Origin, digest: str | None = None) -> Model:
    """Load a file as it was asked for; raises `ModelRefused` where its digest is not `digest`, None where any will do.

    Also what a pickled model is in the process that reads it.
    """
    data = origin.read()
    if digest is not None and check_seal(data, origin.name) != digest:
        raise ModelRefused(
            f"{origin.name}: another file than the model was loaded from, whose digest is {digest}; load the new one "
            "in each process, or put the old one back"
        )
    return load_bytes(
        data, origin.name, origin.settings, trust=origin.trust, path=origin.path, origin=origin.anywhere()
    )


def load_bytes(
    data: bytes,
    name: str = "model",
    settings: Settings = _DEFAULTS,
    *,
    trust: str | None = None,
    path: str | os.PathLike[str] | None = None,
    in_child: bool = True,
    limits: Limits | None = None,
    origin: Origin | None = None,
) -> Model:
    """Load a sealed file that is already in memory, and lies at `path`; otherwise as `load`.

    `in_child`: a file from somebody else is first opened in a process of its own. False is for processes that may end.
    `limits`: of such a file, in place of the usual ones. `origin`: how another process loads it again.
    """
    digest = check_seal(data, name)
    providers = choose_providers(settings.provider)
    check_options(settings.provider_options, providers)
    deserved = trust_of(digest, trust)

    def opened(provider: str, watch: Watch | None) -> Engine:
        # Here, so that neither needs what only the other one does.
        if provider == NATIVE:
            from rnnedge_runtime.engines.native._open import open_native

            return open_native(data, name, digest, path, settings)
        from rnnedge_runtime.engines._ort import OrtEngine

        return OrtEngine(data, name, provider, settings, watch)

    def open_model(watch: Watch | None = None) -> Model:
        openers: list[Callable[[], Engine]] = [partial(opened, one, watch) for one in providers]
        engine = first_that_starts(openers)
        contract = parse(engine.metadata, name)
        check_against_graph(contract, engine.inputs, engine.outputs, name)
        return Model(Loaded(name, digest, contract, engine, openers[1:], STRICT if watch else None), origin)

    if deserved == "local":
        return open_model()
    # Here, because the careful loader needs this module, and costs nothing where it is not needed.
    from rnnedge_runtime.untrusted import LIMITS, Apart, load_carefully

    apart = Apart(digest, providers, settings) if in_child and NATIVE not in providers else None
    on_device = providers != ("cpu",)
    return load_carefully(data, name, open_model, limits or LIMITS, on_device=on_device, apart=apart)
