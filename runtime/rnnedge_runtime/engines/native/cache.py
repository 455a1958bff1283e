"""Libraries that this machine built: one folder for each file, target and compiler, in the user's cache.

`$XDG_CACHE_HOME/rnnedge/native` (by default `~/.cache`), on Windows `%LOCALAPPDATA%/rnnedge/native`. A library is built
in a folder beside, which is then renamed: a folder with a key for a name is whole. Where two processes build the same
at once, the first rename wins and both use its folder. What a build leaves that was killed, a later one takes away.
Every library that was built is in a list of the user's, as files that were exported are (`rnnedge_runtime.trust`).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rnnedge_runtime.atomic import make_folder
from rnnedge_runtime.errors import InputError, ProviderError
from rnnedge_runtime.trust import BUILT, remember

SUFFIXES = (".so", ".dylib", ".dll")
# No compiler is silent for so long: whoever began a folder that old has been killed.
_STALE_S = 3600.0


def cached(digest: str, target: str, identity: str | None) -> Path | None:
    """The library of the file `digest` for `target`, by the compiler of this `identity`; None: by any, the latest."""
    if identity is not None:
        return library_in(_folder() / _key(digest, target, identity))
    try:
        found = sorted(_folder().glob(f"{_prefix(digest, target)}*"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return None
    return next(filter(None, map(library_in, reversed(found))), None)


def build_cached(digest: str, target: str, identity: str, build: Callable[[Path], Path]) -> Path:
    """Let `build` make a library in an empty folder, and keep it; raises `ProviderError` where that is not possible.

    Nothing is left behind where `build` raises.
    """
    final = _folder() / _key(digest, target, identity)
    temporary = final.with_name(f".{final.name}.{os.urandom(6).hex()}.tmp")
    try:
        make_folder(final.parent)
        _sweep(final.parent)
        temporary.mkdir()
    except (InputError, OSError) as error:
        raise _not_written(final.parent, error) from error
    try:
        library = build(temporary)
        # First the list: whoever finds the folder may ask for it.
        remember(hashlib.sha256(library.read_bytes()).hexdigest(), BUILT)
        _rename(temporary, final)
    except OSError as error:
        raise _not_written(final.parent, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    found = library_in(final)
    if found is None:
        raise ProviderError(f"{final}: expected a library in it, found none; remove the folder and load again")
    return found


def library_in(folder: Path) -> Path | None:
    """The library that lies in a folder; None where none does."""
    try:
        return next((path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES), None)
    except OSError:
        return None


def _sweep(folder: Path) -> None:
    """Take away what builds left that did not come to an end."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _rename(temporary: Path, final: Path) -> None:
    try:
        temporary.rename(final)
    except OSError:
        # Another process was first, with the same library.
        if not final.is_dir():
            raise


def _not_written(folder: Path, error: Exception) -> ProviderError:
    reason = error.strerror if isinstance(error, OSError) else str(error).partition(";")[0]
    return ProviderError(
        f"provider 'native': {folder}: the library cannot be kept there ({reason}); "
        "let XDG_CACHE_HOME name a folder that is writable, or use provider='cpu'"
    )


def _key(digest: str, target: str, identity: str) -> str:
    return _prefix(digest, target) + hashlib.sha256(identity.encode()).hexdigest()[:16]


def _prefix(digest: str, target: str) -> str:
    return f"{digest[:32]}-{target}-"


def _folder() -> Path:
    given = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    # The XDG base directory specification: a path that is not absolute is to be ignored.
    if not os.path.isabs(given):
        given = os.path.join(os.path.expanduser("~"), ".cache")
    return Path(given) / "rnnedge" / "native"
