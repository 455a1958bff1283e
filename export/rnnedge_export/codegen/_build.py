"""From a streaming file to what a target runs: sources, and a library or an object."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rnnedge_export.codegen._site import write_site
from rnnedge_export.codegen._source import Source, write_c
from rnnedge_export.codegen.render import LANGUAGES, binding, part
from rnnedge_export.codegen.targets import TARGETS, VNNI, WEB, WEB_SCALAR, Target, target_of, with_lanes
from rnnedge_export.codegen.toolchain import compiler_of, lanes_here
from rnnedge_runtime.arguments import integer
from rnnedge_runtime.atomic import make_folder, write_bytes, write_text
from rnnedge_runtime.engines.native.cache import SUFFIXES
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.temporary import temporary_folder
from rnnedge_runtime.trust import BUILT, remember

# Sequences that one step of the second program advances: enough to use every weight many times.
BLOCK = 16
_ENTRY = "rnnedge_library_v1"


@dataclass(frozen=True)
class Built:
    """What `build` wrote: sources, weights where they are files of their own, and the library or object."""

    source: Source
    target: Target
    files: tuple[Path, ...]
    artifact: Path | None
    compiler: str


def build(
    data: bytes,
    target: str,
    folder: Path,
    *,
    name: str = "model",
    block: int | None = BLOCK,
    bindings: Sequence[str] = (),
    origin: str = "model",
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """Compile the sealed streaming file `data` for a target, and `publish` it in `folder`.

    `name`: a C identifier that the files and all C names begin with. `block`: sequences of the second program, None or
    1 for a program of one sequence only. `bindings`: languages of `LANGUAGES` that get a stream over the header. `say`
    is called with the name of each stage.

    Raises `ModelRefused` for a graph that cannot be written, `InputError` for an unknown target, a block that is no
    count and a folder that cannot be written, `ProviderError` if there is no compiler or it fails, `MissingExtra` where
    zig is needed.
    """
    with temporary_folder("native") as place:
        built = build_in(data, target, place, name=name, block=block, bindings=bindings, origin=origin, say=say)
        return publish(built, folder)


def build_in(
    data: bytes,
    target: str,
    folder: Path,
    *,
    name: str = "model",
    block: int | None = BLOCK,
    bindings: Sequence[str] = (),
    origin: str = "model",
    say: Callable[[str], None] = lambda _: None,
) -> Built:
    """As `build`, in a folder that is there; the caller removes it if this fails.

    What is built so counts as built on this machine once it is published, or kept in the cache.
    """
    found = target_of(target)
    if target == "native":
        found = with_lanes(found, lanes_here())
    say("write C")
    small = found.suffix == ".o"
    # The first program is that of one sequence.
    block = None if block is None or integer(block, "build: block") == 1 else int(block)
    one = small or found.name == WEB
    stretch, rows = found.suffix in SUFFIXES, None if one else block
    source = write_c(data, name, lanes=found.lanes, block=rows, stretch=stretch, compact=small, origin=origin)
    compiler = compiler_of(found) if found.suffix else None
    with temporary_folder("native") as place:
        made, weights, site = None, {}, []
        if compiler is not None:
            say(f"compile with {compiler.version}")
            made = place / f"{name}{found.suffix}"
            if found.levels:
                weights = _levels(data, found, name, block, origin, place, made)
            else:
                flags = [*_flags(found, target), *(_exports(source) if found.name == "wasm32" else [])]
                compiler.compile(flags, [_written(source, place)], made)
            if found.name == WEB:
                scalar = place / f"{name}.scalar.wasm"
                compiler.compile(_flags(WEB_SCALAR, target), [place / f"{name}.c"], scalar)
                site = [*write_site(source, folder), write_bytes(folder / scalar.name, scalar.read_bytes())]
        written = site or [
            write_text(folder / f"{name}.{kind}", text) for kind, text in (("c", source.c), ("h", source.h))
        ]
        written += _bindings(source, bindings, folder)
        if source.weights is not None:
            written.append(write_bytes(folder / f"{name}.weights", source.weights))
        written += [write_bytes(folder / f"{name}.{level}.weights", raw) for level, raw in weights.items()]
        artifact = None if made is None else write_bytes(folder / made.name, made.read_bytes())
    files_ = (*written, *([artifact] if artifact else []))
    return Built(source, found, files_, artifact, "" if compiler is None else compiler.version)


def _bindings(source: Source, languages: Sequence[str], folder: Path) -> list[Path]:
    if unknown := [one for one in languages if one not in LANGUAGES]:
        raise InputError(f"bindings: expected some of {', '.join(LANGUAGES)}, found {unknown[0]!r}")
    facts = (source.name, source.contract, source.programs[0], source.digest, source.weights is not None)
    return [write_text(folder / f"{source.name}{LANGUAGES[one]}", binding(one, *facts)) for one in languages]


def publish(built: Built, folder: Path) -> Built:
    """Copy what was built into `folder`, and have the library count as built on this machine.

    Each file appears whole. Where one cannot be written, those that were not there before are taken away, with the
    folders that were not; raises `InputError` then.
    """
    with _made(folder) as written:
        for path in built.files:
            target = folder / path.name
            content, fresh = path.read_bytes(), not target.exists()
            write_bytes(target, content)
            if fresh:
                written.append(target)
    files_ = tuple(folder / path.name for path in built.files)
    artifact = None if built.artifact is None else folder / built.artifact.name
    if artifact is not None and artifact.suffix in SUFFIXES:
        remember(hashlib.sha256(artifact.read_bytes()).hexdigest(), BUILT)
    return replace(built, files=files_, artifact=artifact)


@contextmanager
def _made(folder: Path) -> Iterator[list[Path]]:
    """The folder, made where it is missing; where the block fails, without the files that it lists."""
    added = [path for path in (folder, *folder.parents) if not path.exists()]
    written: list[Path] = []
    try:
        make_folder(folder)
        yield written
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        with suppress(OSError):
            for path in added:
                path.rmdir()
        raise


def _flags(target: Target, name: str) -> list[str]:
    return [*target.all_flags, f'-DRNNEDGE_TARGET="{name}"']


def _exports(source: Source) -> list[str]:
    """What a module for wasm shows; nothing is shown by default."""
    names = [source.name, *([f"{source.name}_block"] if len(source.programs) > 1 else [])]
    return [f"-Wl,--export={name}_{what}" for name in names for what in ("bytes", "init", "reset", "step")]


def _written(source: Source, folder: Path) -> Path:
    (folder / f"{source.name}.h").write_text(source.h)
    path = folder / f"{source.name}.c"
    path.write_text(source.c)
    return path


def _levels(
    data: bytes, target: Target, name: str, block: int | None, origin: str, folder: Path, output: Path
) -> dict[str, bytes]:
    """One object for each level, and a library that picks one of them; returns the weights of each that has a file."""
    objects, defined, weights = [], [], {}
    for level in target.levels:
        one = TARGETS[level]
        own = f"{name}_{level}"
        source = write_c(data, own, lanes=one.lanes, block=block, stretch=True, origin=origin)
        if level == VNNI:
            if not source.integer_products:
                continue
            defined.append("-DWITH_VNNI")
        if source.weights is not None:
            weights[level] = source.weights
        path = _written(source, folder)
        objects.append(folder / f"{own}.o")
        flags = [flag for flag in _flags(one, level) if flag not in ("-shared", "-nostdlib")]
        compiler_of(one).compile([*flags, "-c", f"-D{_ENTRY}={_ENTRY}_of_{level}"], [path], objects[-1])
    picker = folder / "pick.c"
    picker.write_text(part("pick_x86_64.c"))
    compiler_of(target).compile([*target.all_flags, *defined], [picker, *objects], output)
    return weights
