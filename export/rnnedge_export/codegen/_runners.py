"""What runs a compiled target here: this processor, an emulator, Node."""

from __future__ import annotations

import os
import shutil

from rnnedge_export.codegen._board_proof import board_of
from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen.targets import VNNI
from rnnedge_export.codegen.toolchain import features_here, lanes_here, system_compiler
from rnnedge_runtime.errors import ProviderError

# How a Linux target's program is run here, by zig's name of the processor.
_EMULATORS = {"aarch64": "qemu-aarch64", "arm": "qemu-arm", "riscv64": "qemu-riscv64"}
# In front of a program that runs as it is.
PLAIN = ["env"]


def runner_of(built: Built) -> list[str] | None:
    """The command in front of a program of the target, [] where it runs as it is; None: it cannot be run."""
    target = built.target
    if target.suffix == ".wasm":
        return ["node"] if shutil.which("node") else None
    if target.suffix == ".o":
        return board_of(built)
    if target.name == "c":
        return _as_it_is()
    if target.suffix != ".so":
        return None
    if target.triple is None:
        return []
    processor = target.triple.partition("-")[0]
    if processor == os.uname().machine:
        return [] if _runs_here(built) else None
    emulator = _EMULATORS.get(processor)
    found = next((name for name in (emulator, f"{emulator}-static") if name and shutil.which(name)), None)
    return [found] if found else None


def _as_it_is() -> list[str] | None:
    """Sources by themselves are compiled by the system's own compiler, if there is one."""
    try:
        system_compiler()
    except ProviderError:
        return None
    return PLAIN


def _runs_here(built: Built) -> bool:
    """Whether this processor has the vectors of an x86-64 target."""
    return built.target.lanes <= lanes_here() and (built.target.name != VNNI or "__AVX512VNNI__" in features_here())
