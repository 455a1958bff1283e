"""A library for the native engine of this machine, built and proven."""

from __future__ import annotations

from pathlib import Path

from rnnedge_export.codegen._build import build_in
from rnnedge_export.codegen.prove import prove


def build_library(data: bytes, target: str, folder: Path) -> Path:
    """What the runtime's native engine calls, through the entry point "compiler": the path of a library in `folder`.

    It is proven as `rnnedge compile` proves it; raises `VerificationError` if it computes something else than the file.
    """
    built = build_in(data, target, folder)
    assert built.artifact is not None
    prove(data, built)
    return built.artifact
