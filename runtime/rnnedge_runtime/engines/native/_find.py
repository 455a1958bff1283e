"""Which library runs a file: the one that is named, one next to the file, one in the cache, or one built now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime._signature_check import check_signature
from rnnedge_runtime._signature_text import LIBRARY
from rnnedge_runtime.engines.native.cache import SUFFIXES, build_cached, cached, discard, library_in
from rnnedge_runtime.errors import ModelRefused, ProviderError, RnnEdgeError
from rnnedge_runtime.plain_file import LARGEST, is_folder, is_there, read_plain
from rnnedge_runtime.trust import built_here

GROUP = "rnnedge.native"
_OPTIONS = ("library", "target")
_TARGET = re.compile(r"[A-Za-z0-9_.+-]+")


@dataclass(frozen=True)
class Compiler:
    """What is installed under the entry points "compiler" and "identity".

    `build(data, target, folder)` makes the library of a sealed file in an empty folder and returns its path.
    `identity(target)` differs where another compiler, or another version of it or of us, would build.
    """

    build: Callable[[bytes, str, Path], Path]
    identity: Callable[[str], str]


@dataclass(frozen=True, eq=False)
class Found:
    """A library: where it lies, its bytes, which are what is opened, and their SHA-256."""

    path: Path
    content: bytes
    digest: str


def find_library(
    data: bytes, digest: str, beside: Path | None, options: Mapping[str, str], key: Any, release: int = 0
) -> Found:
    """The library for the sealed file `data`, which lies at `beside`; `options` are those of the provider.

    To open a library is to run it. So, whatever the trust of the file, it is one that this machine built, or that `key`
    has signed, as `release` or a later one.
    Raises `ProviderError` if there is none that may run.
    """
    for name in options:
        if name not in _OPTIONS:
            raise ProviderError(f"option 'native.{name}': expected one of {', '.join(_OPTIONS)}")
    target = options.get("target", "native")
    if not _TARGET.fullmatch(target):
        raise ProviderError(f"option 'native.target': expected a name such as x86_64_v3, found {target!r}")
    if "library" in options:
        named = _named(Path(options["library"]))
        return _allowed(_read(named), key, release)
    if beside is not None and (found := _beside(beside)) is not None:
        return _allowed(_read(found), key, release)
    return _cached_or_built(data, digest, target, key, release)


def installed_compiler() -> Compiler | None:
    """The compiler of this environment; None where it is not installed."""
    # Here, since a library next to its file needs no compiler, and this imports a hundred modules.
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=GROUP)}
    if not {"compiler", "identity"} <= set(found):
        return None
    try:
        identity = found["identity"].load()
    except ImportError:
        return None

    def build(data: bytes, target: str, folder: Path) -> Path:
        # Here, since it brings onnx along, which a library in the cache needs not.
        try:
            compiler = found["compiler"].load()
        except ImportError as error:
            raise ProviderError(f"the compiler needs {error.name}; install 'rnnedge[export]'") from error
        return cast(Path, compiler(data, target, folder))

    return Compiler(build, cast(Any, identity))


def _named(path: Path) -> Path:
    library = library_in(path) if is_folder(path) else path
    if library is None or not is_there(library):
        raise ProviderError(
            f"{path}: expected a library of 'rnnedge compile' or the folder of one, found none; check native.library"
        )
    # The loader looks for a bare name in the system's folders.
    return library.absolute()


def _beside(file: Path) -> Path | None:
    """`net.so` next to `net.onnx`, or named as `rnnedge compile` names it."""
    stems = dict.fromkeys([file.stem, re.sub(r"\W", "_", file.stem, flags=re.ASCII)])
    names = (file.with_name(stem + suffix) for stem in stems for suffix in SUFFIXES)
    return next((path.absolute() for path in names if is_there(path)), None)


def _cached_or_built(data: bytes, digest: str, target: str, key: Any, release: int) -> Found:
    compiler = installed_compiler()
    try:
        identity = None if compiler is None else compiler.identity(target)
    except RnnEdgeError as error:
        found = cached(digest, target, None)
        if found is None:
            raise _failed(error) from error
        return _allowed(_read(found), key, release)
    found = cached(digest, target, identity)
    if found is not None:
        library = _read(found)
        if compiler is None or built_here(library.digest):
            return _allowed(library, key, release)
        # Somebody has changed it, or the list of what was built here is lost.
        discard(found)
    if compiler is None or identity is None:
        raise ProviderError(
            "provider 'native': no library of this file is here, and no compiler is installed; copy the one that "
            "'rnnedge compile' makes next to the file, install 'rnnedge[export]', or use provider='cpu'"
        )
    build = compiler.build

    def built(folder: Path) -> Path:
        try:
            return build(data, target, folder)
        except RnnEdgeError as error:
            raise _failed(error) from error

    return Found(*build_cached(digest, target, identity, built))


def _failed(error: RnnEdgeError) -> ProviderError:
    text = str(error).rstrip()
    return ProviderError(f"provider 'native': {text}" + ("" if "provider='cpu'" in text else "; use provider='cpu'"))


def _read(library: Path) -> Found:
    content = read_plain(library, ProviderError, most=LARGEST)
    return Found(library, content, sha256(content).hexdigest())


def _allowed(found: Found, key: Any, release: int) -> Found:
    """The library; raises `ProviderError` where nobody vouches for it."""
    if built_here(found.digest):
        return found
    reason = "this one was not built on this machine"
    if key is not None:
        try:
            check_signature(found.content, found.path, key, LIBRARY, release=release)
        except ModelRefused as error:
            reason = str(error)
        else:
            return found
    raise ProviderError(
        f"{found.path}: a library runs as a program, and {reason}; sign it with 'rnnedge sign' and load it with that "
        "key, compile the file on this machine, or use provider='cpu'"
    )
