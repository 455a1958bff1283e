"""A loaded file: engine and contract, immutable, shared by any number of streams and threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rnnedge_runtime.contract import Array, Contract, check_against_graph
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.engines import Engine
from rnnedge_runtime.engines.providers import NATIVE, check_options, choose_providers
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.faults import Event, Gap, NonFinite, Policies
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.loaded import Loaded, first_that_starts
from rnnedge_runtime.read import read_model
from rnnedge_runtime.seal import check_seal
from rnnedge_runtime.stream import Stream
from rnnedge_runtime.trust import trust_of

if TYPE_CHECKING:
    from rnnedge_runtime.careful.limits import Limits
    from rnnedge_runtime.careful.watch import Watch
    from rnnedge_runtime.pool import StreamPool

_DEFAULTS = Settings()


class Model:
    """A file ready to stream. Created by `load`; keeps no sequence state, so threads may share it."""

    def __init__(self, loaded: Loaded) -> None:
        """Used by `load`."""
        self._loaded = loaded

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
        `time_limit_s`: seconds that one run of the graph may take before it is ended with `Stalled`.
        """
        policies = Policies(non_finite, gap, on_event, time_limit_s)
        if batch < 1:
            raise InputError(f"stream: expected batch >= 1, found {batch}")
        if self.contract.batch not in (None, batch):
            raise InputError(f"stream: the file was made for batch {self.contract.batch}, found {batch}")
        return Stream(self._loaded, batch, states or {}, policies)

    def pool(
        self,
        capacity: int,
        *,
        on_event: Callable[[Event], None] | None = None,
        time_limit_s: float | None = None,
    ) -> StreamPool:
        """Room for `capacity` sequences that come and go, and of which those that have frames advance together.

        `on_event` is called with events that concern a whole call, and `time_limit_s` is that of one call; both as for
        `stream`. Raises `InputError` for a file with a fixed batch, which has no room for others.
        """
        from rnnedge_runtime.pool import StreamPool

        if capacity < 1:
            raise InputError(f"pool: expected a capacity of at least 1, found {capacity}")
        if self.contract.batch is not None:
            raise InputError(
                f"pool: the file was made for batch {self.contract.batch}; export the model with an open batch, "
                "or give every sequence a stream of its own"
            )
        return StreamPool(self._loaded, capacity, on_event, time_limit_s)

    def run(self, frames: Frames) -> Frames:
        """Whole sequences at once: (time, ...) for one, (batch, time, ...) for several; a dict for several inputs.

        Returns what the source module returns for them: per-frame outputs (time, ...) and summaries (...), each with
        a leading batch axis where the input has one; a dict by name where the model has several outputs.
        Raises `InputError` as `Stream.push` does, and for an empty sequence.
        """
        port = self.contract.inputs[0]
        several = isinstance(frames, dict)
        array = np.asarray(frames.get(port.name) if isinstance(frames, dict) else frames)
        batched = array.ndim == len(port.frame_shape) + 2
        stream = self.stream(batch=len(array) if batched else 1)
        given = {n: np.asarray(a) for n, a in frames.items()} if isinstance(frames, dict) else {port.name: array}
        alone = {n: a[0] for n, a in given.items()} if batched and len(array) == 1 else given
        pushed = stream.push(alone if several else alone[port.name])
        rest = stream.finish()
        time = 1 if batched and len(array) > 1 else 0
        results: dict[str, Array] = {}
        for output in self.contract.outputs:
            parts = [part[output.name] if isinstance(part, dict) else part for part in (pushed, rest)]
            whole: Array = np.concatenate(parts, axis=time) if output.per_frame else parts[1].take(0, axis=time)
            results[output.name] = whole[None] if batched and len(array) == 1 else whole
        return results if len(results) > 1 else next(iter(results.values()))


def load(
    path: str | os.PathLike[str],
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
    name = str(path)
    data = read_model(path, trust, key, signed_as, release)
    settings = Settings(
        provider, provider_options or {}, threads, spinning, flush_denormals, optimization, key, release
    )
    return load_bytes(data, name, settings, trust=trust, path=path)


def load_bytes(
    data: bytes,
    name: str = "model",
    settings: Settings = _DEFAULTS,
    *,
    trust: str | None = None,
    path: str | os.PathLike[str] | None = None,
    in_child: bool = True,
    limits: Limits | None = None,
) -> Model:
    """Load a sealed file that is already in memory, and lies at `path`; otherwise as `load`.

    `in_child`: a file from somebody else is first opened in a process of its own. False is for processes that may end.
    `limits`: of such a file, in place of the usual ones.
    """
    digest = check_seal(data, name)
    providers = choose_providers(settings.provider)
    check_options(settings.provider_options, providers)
    deserved = trust_of(digest, trust)

    def opened(provider: str, watch: Watch | None) -> Engine:
        # Here, so that neither needs what only the other one does.
        if provider == NATIVE:
            from rnnedge_runtime.engines.native.open import open_native

            return open_native(data, name, digest, path, settings)
        from rnnedge_runtime.engines.ort import OrtEngine

        return OrtEngine(data, name, provider, settings, watch)

    def open_model(watch: Watch | None = None) -> Model:
        openers: list[Callable[[], Engine]] = [partial(opened, one, watch) for one in providers]
        engine = first_that_starts(openers)
        contract = parse(engine.metadata, name)
        check_against_graph(contract, engine.inputs, engine.outputs, name)
        return Model(Loaded(name, digest, contract, engine, openers))

    if deserved == "local":
        return open_model()
    # Here, because the careful loader needs this module, and costs nothing where it is not needed.
    from rnnedge_runtime.careful import LIMITS, Apart, load_carefully

    apart = Apart(digest, providers, settings) if in_child and NATIVE not in providers else None
    on_device = providers != ("cpu",)
    return load_carefully(data, name, open_model, limits or LIMITS, on_device=on_device, apart=apart)
