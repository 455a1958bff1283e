"""Every way of opening a file: by its path, from its bytes, and again in another process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from rnnedge_runtime._contract_check import check_against_graph
from rnnedge_runtime._loaded_model import LoadedModel, first_that_starts
from rnnedge_runtime._memory import STRICT
from rnnedge_runtime._origin import Origin, origin_of
from rnnedge_runtime.arguments import choice
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.engine import Engine, Preparation
from rnnedge_runtime.engines._providers import NATIVE, check_options, choose_providers
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.frames import Out
from rnnedge_runtime.hub import fetched, is_repository
from rnnedge_runtime.model import Model
from rnnedge_runtime.ort_format import check_ort_format, is_ort_format
from rnnedge_runtime.trust import TRUST, trust_of

if TYPE_CHECKING:
    from rnnedge_runtime.untrusted.limits import Limits

_DEFAULTS = Settings()


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
    revision: str | None = None,
) -> Model[Out]:
    """Load a file made by `rnnedge.export`.

    `path`: where it is; or its bytes; or a file that is open for reading bytes. With a `revision` (a commit, or a tag
    or a branch, which can move) it is the name of a repository of the Hugging Face Hub, "ORGANIZATION/NAME".
    `provider` is "cpu", "cuda", "tensorrt" or another of onnxruntime's, or "auto" for CUDA and CPU as installed; or
    "native", the file compiled to machine code, without onnxruntime.
    Several, best first, as a list or "cuda,cpu": where one does not start, or fails while running, the next one takes
    over, with a warning or an `Event`. `provider_options` by name go to onnxruntime as they are, such as
    `{"cuda": {"device_id": "1", "enable_cuda_graph": "1"}}`; those of "native" are `library`, a library of
    `rnnedge compile` or its folder, and `target`, for what to compile.
    `threads` are onnxruntime's intra-op threads, and those that share the sequences of a large batch in the native
    engine, 0 for one a core; `spinning` lets onnxruntime's burn a core while they wait, which only pays for large
    models pushed back to back. `flush_denormals` sets a mode of the threads that make streams: numbers below
    1.2e-38 are zero, for all that such a thread computes.
    `optimization`: how far onnxruntime changes the graph while it loads: "all", "extended", "basic" or "none".
    `trust`: "strict" for an untrusted file, which is looked through, bounded, and has to replay its golden
    sample; "local" for one that you would run as a program. None: "local" if it was exported on this machine.
    `key`: a public key (PEM); the file then needs a signature of `rnnedge sign` next to it for the name `signed_as`, by
    default that of the file, and for `release` or a later one. A native library that was not built on this machine
    needs one too, whatever the trust.

    Raises `ModelRefused` for a file that is missing, damaged, not signed as asked, out of bounds or not an rnnedge
    model, `ContractError` where its description contradicts its graph, `ProviderError` where no provider is here.
    """
    if trust is not None:
        choice(trust, "trust", TRUST)
    options = {} if provider_options is None else provider_options
    settings = Settings(provider, options, threads, spinning, flush_denormals, optimization, key, release)
    if revision is not None:
        path = fetched(path, revision, signed=key is not None)
    elif is_repository(path):
        raise ModelRefused(
            f"{path!r}: cannot be read (No such file or directory); check the path, or, for a repository of the "
            "Hugging Face Hub, say which revision of it: load(..., revision='COMMIT')"
        )
    return reload(origin_of(path, settings, trust, signed_as))


def reload(origin: Origin, digest: str | None = None) -> Model[Any]:
    """Load a file as it was asked for; raises `ModelRefused` where its digest is not `digest`, None where any will do.

    Also what a pickled model is in the process that reads it.
    """
    data = origin.read()
    if digest is not None and check_seal(data, origin.name) != digest:
        raise ModelRefused(
            f"{origin.name}: another file than the model was loaded from, whose digest is {digest}; load the new one "
            "in each process, or put the old one back"
        )
    loaded = open_bytes(data, origin.name, origin.settings, trust=origin.trust, path=origin.path)
    loaded.tells_scale = True
    return Model(loaded, partial(reload, origin.anywhere()))


def load_bytes(
    data: bytes,
    name: str = "model",
    settings: Settings = _DEFAULTS,
    *,
    trust: str | None = None,
    path: str | os.PathLike[str] | None = None,
    in_child: bool = True,
) -> Model:
    """Load a sealed file that is already in memory; as `open_bytes`. Its model cannot be sent to another process.

    For what makes and proves files: a stream that is given no context has that of the example.
    """
    loaded = open_bytes(data, name, settings, trust=trust, path=path, in_child=in_child)
    loaded.assumes_context = True
    return Model(loaded)


def open_bytes(
    data: bytes,
    name: str = "model",
    settings: Settings = _DEFAULTS,
    *,
    trust: str | None = None,
    path: str | os.PathLike[str] | None = None,
    in_child: bool = True,
    limits: Limits | None = None,
) -> LoadedModel:
    """Open a sealed file that is already in memory, and lies at `path`; otherwise as `load`.

    `in_child`: an untrusted file is first opened in a process of its own. False is for processes that may end.
    `limits`: of such a file, in place of the usual ones.
    """
    digest = check_seal(data, name)
    providers = choose_providers(settings.provider)
    check_options(settings.provider_options, providers)
    deserved = trust_of(digest, trust)
    if is_ort_format(data):
        check_ort_format(name, deserved, providers)

    def started(provider: str, preparation: Preparation | None) -> Engine:
        # Here, so that neither needs what only the other one does.
        if provider == NATIVE:
            from rnnedge_runtime.engines.native._open import open_native

            return open_native(data, name, digest, path, settings)
        from rnnedge_runtime.engines._ort import OrtEngine

        return OrtEngine(data, name, provider, settings, preparation)

    def opened(preparation: Preparation | None = None) -> LoadedModel:
        openers: list[Callable[[], Engine]] = [partial(started, one, preparation) for one in providers]
        engine = first_that_starts(openers)
        contract = parse(engine.metadata, name)
        check_against_graph(contract, engine.inputs, engine.outputs, name)
        return LoadedModel(name, digest, contract, engine, openers[1:], STRICT if preparation else None)

    if deserved == "local":
        return opened()
    # Here, since a file of this machine needs nothing of it.
    from rnnedge_runtime.untrusted import LIMITS, Apart, open_untrusted

    apart = Apart(digest, providers, settings) if in_child and NATIVE not in providers else None
    return open_untrusted(data, name, opened, limits or LIMITS, on_device=providers != ("cpu",), apart=apart)
