"""The C compilers of this machine: the system's own, and zig's for every other target (extra "native").

Neither needs a network. What a compiler says is kept in a file where it fails.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rnnedge_export.codegen.targets import Target, target_of
from rnnedge_runtime.errors import MissingExtra, ProviderError
from rnnedge_runtime.user_folders import cache_folder, make_own

_NAMES = ("cc", "gcc", "clang")
_temporary: list[tempfile.TemporaryDirectory[str]] = []
# Of the processor, and of addresses.
_MOST_SECONDS = 300
_MOST_KIB = 4 << 20
_WIDTHS = (("__AVX512F__", 16), ("__AVX__", 8))


@dataclass(frozen=True)
class Compiler:
    """A command that compiles C, and what it says of its version."""

    command: tuple[str, ...]
    version: str

    def compile(self, flags: Sequence[str], files: Sequence[Path], output: Path) -> None:
        """Compile `files` to `output`.

        Raises `ProviderError` with the first line of what the compiler says, the rest in a file that it names.
        """
        call = [*self.command, *flags, "-o", str(output), *map(str, files)]
        found = _run([*_bounded(), *call])
        if found.returncode == 0 and output.exists():
            return
        said = found.stdout.decode("utf-8", "replace").strip()
        lines = said.splitlines() or [f"exit code {found.returncode}"]
        first = next((line for line in lines if "error" in line.lower()), lines[0])
        place = _kept(f"{shlex.join(call)}\n{said}\n")
        more = f"; all of it is in {place}" if place else ""
        raise ProviderError(f"{self.command[0]}: failed: {first.strip()}{more}")


def _kept(text: str) -> str | None:
    """The name of a file with `text`; None if there is no room for one, which may be why a compiler failed."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="rnnedge-compile-", suffix=".log", delete=False) as log:
            log.write(text)
        return log.name
    except OSError:
        return None


def compiler_of(target: Target) -> Compiler:
    """What compiles for `target`: the system's compiler where it names no other machine, else zig.

    Raises `ProviderError` where no compiler is here, `MissingExtra` where zig is not.
    """
    return system_compiler() if target.triple is None else _zig(target.triple)


def system_compiler() -> Compiler:
    """$CC, or the first of cc, gcc and clang."""
    return _found(os.environ.get("CC", ""))


@cache
def _found(asked: str) -> Compiler:
    given = shlex.split(asked)
    for command in [given] if given else [[name] for name in _NAMES]:
        if shutil.which(command[0]):
            return Compiler(tuple(command), _version(command))
    wanted = f"$CC = {given[0]!r}" if given else ", ".join(_NAMES)
    raise ProviderError(
        f"no C compiler: expected {wanted} in PATH; install one (Debian: apt-get install gcc), "
        "or run the file with provider='cpu'"
    )


def lanes_here() -> int:
    """Floats of a vector of this machine's processor, as its compiler sees it."""
    defined = features_here()
    return next((lanes for name, lanes in _WIDTHS if name in defined), 4)


def features_here() -> set[str]:
    """The macros that this machine's compiler defines for its processor."""
    return set(_features().split())


def processor_here() -> str:
    """A digest of all that the compiler takes this machine's processor for."""
    return hashlib.sha256(_features().encode()).hexdigest()[:16]


def _features() -> str:
    found = _run([*system_compiler().command, "-march=native", "-dM", "-E", "-x", "c", os.devnull])
    return found.stdout.decode("utf-8", "replace")


def _zig(triple: str) -> Compiler:
    if importlib.util.find_spec("ziglang") is None:
        raise MissingExtra(f"to compile for {triple} needs zig; install it with: pip install 'rnnedge[native]'")
    command = [sys.executable, "-m", "ziglang", "cc", "-target", triple]
    return Compiler(tuple(command), f"zig {_zig_version()}")


@cache
def _zig_version() -> str:
    return _run([sys.executable, "-m", "ziglang", "version"]).stdout.decode().strip()


def _version(command: Sequence[str]) -> str:
    said = _run([*command, "--version"]).stdout.decode("utf-8", "replace").splitlines()
    return said[0] if said else command[0]


def _bounded() -> list[str]:
    """What ends a compiler that takes too much: no text of a network that is written needs a tenth of it.

    If there is no shell, or it cannot set a bound, there is none.
    """
    if os.name != "posix" or not shutil.which("sh"):
        return []
    bounds = f"ulimit -t {_MOST_SECONDS} 2>/dev/null; ulimit -v {_MOST_KIB} 2>/dev/null"
    return ["sh", "-c", f'{bounds}; exec "$@"', "sh"]


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, env=_environment(command)
        )
    except OSError as error:
        raise ProviderError(f"{command[0]}: cannot be run ({error.strerror}); check the compiler") from error


def _environment(command: Sequence[str]) -> dict[str, str] | None:
    """Where zig keeps what it has built, unless the user says so; None for another compiler, which keeps nothing."""
    if "ziglang" not in command:
        return None
    return {**dict.fromkeys(("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"), _zig_cache()), **os.environ}


@cache
def _zig_cache() -> str:
    """A part of our own cache; without a safe one, a folder that is taken away when the process ends."""
    try:
        own = Path(cache_folder())
        make_own(str(own))
        make_own(str(own / "zig"))
        return str(own / "zig")
    except (OSError, RuntimeError):
        _temporary.append(tempfile.TemporaryDirectory(prefix="rnnedge-zig-", ignore_cleanup_errors=True))
        return _temporary[-1].name


@cache
def generator_version() -> str:
    """A digest of the compiler's own source: what it writes depends on nothing else."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".h", ".c"))
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def identity(target: str) -> str:
    """Differs where `build_library` would make something else, through the entry point "identity".

    Raises what `compiler_of` raises where no compiler is here.
    """
    found = target_of(target)
    processor = processor_here() if target == "native" else target
    return f"{compiler_of(found).version}, {processor}, {generator_version()}, {' '.join(found.all_flags)}"
