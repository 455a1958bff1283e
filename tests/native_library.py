"""Libraries of the native engine for tests: the C of the real compiler, compiled by the system's `cc`."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

from made_once import made_once

from rnnedge_export.codegen import write_c
from rnnedge_runtime.engines.native._find import Compiler
from rnnedge_runtime.trust import BUILT, remember

FLAGS = ("-std=gnu99", "-O2", "-ffp-contract=off", "-shared", "-fPIC", "-fvisibility=hidden", "-DRNNEDGE_LIBRARY")


def compile_library(
    data: bytes,
    folder: Path,
    *,
    block: int | None = None,
    weights: str | None = None,
    stem: str = "net",
    edit: Callable[[str], str] = str,
) -> Path:
    """Compile the sealed file `data`, for batches of 1 and of `block`, into `folder`; the path of the library.

    `edit` changes the C text.
    """
    source = write_c(data, stem, lanes=4, block=block, weights=weights)
    (folder / f"{stem}.h").write_text(source.h)
    if source.weights is not None:
        (folder / f"{stem}.weights").write_bytes(source.weights)
    library, text = folder / f"{stem}.so", edit(source.c)
    (folder / f"{stem}.c").write_text(text)

    def make() -> bytes:
        command = ["cc", *FLAGS, f"{stem}.c", "-o", library.name]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        return library.read_bytes()

    # Most of a second each, and the same in many tests.
    key = hashlib.sha256("\0".join((stem, source.h, text)).encode()).hexdigest()
    compiled = made_once(f"{key}.so", make)
    # Another file of the same name may be open.
    library.unlink(missing_ok=True)
    library.write_bytes(compiled)
    library.chmod(0o755)
    return built_here(library)


def built_here(library: Path) -> Path:
    """Have it counted as a library that this machine built."""
    remember(hashlib.sha256(library.read_bytes()).hexdigest(), BUILT)
    return library


def compiler(block: int | None = 2, identity: str = "cc") -> Compiler:
    """As the entry points have one."""
    return Compiler(lambda data, target, folder: compile_library(data, folder, block=block), lambda target: identity)
