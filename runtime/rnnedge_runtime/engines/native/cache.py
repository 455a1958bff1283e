"""Libraries that this machine built: one folder for each file, target and compiler, in the user's cache.

`$XDG_CACHE_HOME/rnnedge/native` (by default `~/.cache`), on Windows `%LOCALAPPDATA%/rnnedge/native`. A library is built
in a folder next to it, which is then renamed: a folder with a key for a name is whole. If two processes build the same
at once, the first rename wins and both use its folder. What a build leaves that was killed, a later one takes away.
Every library that was built is in a list of the user's, as files that were exported are (`rnnedge_runtime.trust`). A
folder that another user can write is no cache.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime.errors import ProviderError
from rnnedge_runtime.plain_file import LARGEST, read_plain
from rnnedge_runtime.trust import BUILT, remember
from rnnedge_runtime.user_folders import cache_folder, doubt, make_own

SUFFIXES = (".so", ".dylib", ".dll")
# No compiler is silent for so long: whoever began a folder that old has been killed.
_STALE_S = 3600.0
_REMEDY = "let XDG_CACHE_HOME name a folder of your own, or use provider='cpu'"


def cached(digest: str, target: str, identity: str | None) -> Path | None:
    """The library of the file `digest` for `target`, by the compiler of this `identity`; None: by any, the latest.

    Raises `ProviderError` where others can write the cache.
    """
    folder = _folder()
    if identity is not None:
        own = folder / _key(digest, target, identity)
        library = _library(own)
        if library is None and own.is_dir():
            raise ProviderError(f"{own}: expected a library in it, found none; remove the folder and load again")
        return library
    try:
        found = sorted(folder.glob(f"{_prefix(digest, target)}*"), key=lambda path: path.stat().st_mtime)
    except OSError:
        return None
    return next(filter(None, map(_library, reversed(found))), None)


def build_cached(digest: str, target: str, identity: str, build: Callable[[Path], Path]) -> tuple[Path, bytes, str]:
    """Let `build` make a library in an empty folder, and keep it: where it lies, its bytes, and their SHA-256.

    Nothing is left behind where `build` raises. Raises `ProviderError` where the library cannot be kept.
    """
    folder = _folder()
    final = folder / _key(digest, target, identity)
    temporary = final.with_name(f".{final.name}.{os.urandom(6).hex()}.tmp")
    try:
        for own in (folder.parent, folder):
            make_own(str(own))
        _sweep(folder)
        temporary.mkdir(mode=0o700)
    except OSError as error:
        raise _not_kept(folder, error) from error
    try:
        library = build(temporary)
        content = read_plain(library, ProviderError, most=LARGEST)
        made = sha256(content).hexdigest()
        # First the list: whoever finds the folder may ask for it.
        remember(made, BUILT)
        _rename(temporary, final)
    except OSError as error:
        raise _not_kept(folder, error) from error
    finally:
        _remove(temporary)
    return final / library.name, content, made


def discard(library: Path) -> None:
    """Take away the folder of a library in the cache that this machine did not build."""
    away = library.parent.with_name(f".{library.parent.name}.{os.urandom(6).hex()}.tmp")
    with suppress(OSError):
        library.parent.rename(away)
    _remove(away)


def library_in(folder: Path) -> Path | None:
    """The library that lies in a folder; None where none does."""
    try:
        return next((path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES), None)
    except OSError:
        return None


def _library(folder: Path) -> Path | None:
    """Likewise, of a folder of the cache."""
    for place in (folder.parent.parent, folder.parent, folder):
        try:
            reason = doubt(str(place))
        except OSError:
            return None
        if reason is not None:
            raise ProviderError(f"provider 'native': {place}: a cache that is not safe: {reason}; {_REMEDY}")
    return library_in(folder)


def _sweep(folder: Path) -> None:
    """Take away what builds left that did not come to an end."""
    for left in folder.glob(".*.tmp"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                _remove(left)


def _remove(folder: Path) -> None:
    # Here, since a process that builds nothing needs none of it.
    from shutil import rmtree

    rmtree(folder, ignore_errors=True)


def _rename(temporary: Path, final: Path) -> None:
    try:
        temporary.rename(final)
    except OSError:
        # Another process was first, with the same library.
        if not final.is_dir():
            raise


def _not_kept(folder: Path, error: OSError) -> ProviderError:
    return ProviderError(
        f"provider 'native': {folder}: the library cannot be kept there ({error.strerror or error}); {_REMEDY}"
    )


def _key(digest: str, target: str, identity: str) -> str:
    return _prefix(digest, target) + sha256(identity.encode()).hexdigest()[:16]


def _prefix(digest: str, target: str) -> str:
    return f"{digest[:32]}-{target}-"


def _folder() -> Path:
    try:
        return Path(cache_folder()) / "native"
    except RuntimeError as error:
        raise ProviderError(f"provider 'native': no cache for libraries ({error}); {_REMEDY}") from error
