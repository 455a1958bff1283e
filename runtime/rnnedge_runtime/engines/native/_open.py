"""From a sealed file to an engine that has shown that it computes what the file promises."""

from __future__ import annotations

import os
from pathlib import Path

from rnnedge_runtime._contract_check import check_against_graph
from rnnedge_runtime._loaded_model import LoadedModel
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.cores import cores
from rnnedge_runtime.engines.native._engine import NativeEngine
from rnnedge_runtime.engines.native._find import find_library
from rnnedge_runtime.engines.native._library import Library
from rnnedge_runtime.engines.native._signature import read_signature
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import ContractError, ProviderError
from rnnedge_runtime.golden import replay_golden


def open_native(
    data: bytes, name: str, digest: str, path: str | os.PathLike[str] | None, settings: Settings
) -> NativeEngine:
    """Find or build the library of the sealed file `data`, whose digest is `digest`, and replay its golden sample.

    Each program of the library replays it, in a batch of its size. `name` is how messages call the file, `path` where
    it lies, None where it is in memory only.

    Raises `ProviderError` if there is no library, or it is not the file's, or it computes something else;
    `ModelRefused` where the file is none.
    """
    signature = read_signature(data, name)
    contract = parse(signature.metadata, name)
    check_against_graph(contract, signature.inputs, signature.outputs, name)
    options = settings.provider_options.get("native", {})
    beside = Path(path) if path is not None else None
    found = find_library(data, digest, beside, options, settings.key, settings.release)
    library = Library(found, digest, contract)
    engine = NativeEngine(library, contract, signature, flush=settings.flush_denormals, threads=_threads(settings))
    for batch in library.batches:
        try:
            report = replay_golden(LoadedModel(name, digest, contract, engine), batch)
        except ContractError as error:
            text = f"provider 'native': {error}; without one no library is used; use provider='cpu'"
            raise ProviderError(text) from error
        if not report.passed:
            raise ProviderError(
                f"{found.path}: golden sample of {name}, in a batch of {batch}: {report.failure}; compile the file "
                "again, or use provider='cpu'"
            )
    return engine


def _threads(settings: Settings) -> int:
    """As many as asked for; 0, as for onnxruntime, stands for as many as there are cores."""
    return settings.threads or cores()
