"""Proof of a stream in another language: a program over it, compiled here, gives what pushes in Python give.

Two streams advance beside each other, each after a reset, through random frames and frames as in life, every token, and
values per sequence; frames and values that are refused come in between, and change nothing. What of an output stands
before frame 0 is what the stream says.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._pushes import pushes_of
from rnnedge_export.codegen.render import LANGUAGES, binding_proof
from rnnedge_export.codegen.toolchain import system_compiler
from rnnedge_export.verification import Tolerance, every_token, other_contexts, signals
from rnnedge_export.verification.comparison import Comparison
from rnnedge_runtime.context import initial_contexts
from rnnedge_runtime.contract import Contract, Port
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.model import Model
from rnnedge_runtime.temporary import temporary_folder

_COMPILERS = {"cpp": "g++", "rust": "rustc", "go": "go"}
_SEED, _CALLS, _TIMEOUT_S = 0, 40, 600
_SIGNALS = ("x 0.001", "zeros in features and stretches", "x 30", "x 1000")
_GO = 'printf "module example.com/prove\\n\\ngo 1.18\\n" > go.mod && go build -o program ./main'
Rows = Mapping[str, Array]


@dataclass(eq=False)
class _Sequence:
    """Frames (1, time, ...), values per sequence, and the outputs of each call so far."""

    signal: str
    frames: Rows
    context: Rows
    found: dict[str, list[Array]] = field(default_factory=dict)


def languages_of(built: Built) -> list[str]:
    """The languages that `built` has a stream in, and that are compiled here."""
    written = {path.suffix for path in built.files}
    return [one for one, suffix in LANGUAGES.items() if suffix in written and shutil.which(_COMPILERS[one])]


def prove_binding(model: Model, built: Built, language: str, tolerance: Tolerance) -> None:
    """Raises `VerificationError` where the stream in `language` gives something else than `model`, the file."""
    reference, contract = pushes_of(model), model.contract
    sequences = list(_sequences(model, tolerance))
    with temporary_folder("prove") as folder:
        given, asked = _script(contract, sequences)
        (folder / "in.bin").write_bytes(given)
        _run(built, language, folder)
        _read((folder / "out.bin").read_bytes(), contract, asked, f"{built.source.name} for {language}")
    for one in sequences:
        compare = Comparison(model, reference.with_context(one.context) if one.context else reference, tolerance)
        found = {name: np.concatenate(parts)[None] for name, parts in one.found.items()}
        worst = compare.of(one.frames, found, compare.reference.raw(one.frames)).on(
            one.signal, f"a stream in {language}"
        )
        if not worst.ratio <= 1:
            raise VerificationError(
                f"{built.source.name} for {language}: {worst.place}: expected an error of at most "
                f"{worst.tolerance:.1e}, found {worst.error:.1e}; use the C, and report the file"
            )


def _sequences(model: Model, tolerance: Tolerance) -> Iterator[_Sequence]:
    contract, reference, rng = model.contract, pushes_of(model), np.random.default_rng(_SEED)
    usual, time = initial_contexts(contract), (contract.warmup + _CALLS) * contract.unit
    yield _Sequence("random frames", reference.frames(1, time, rng), usual)
    if not tolerance.promised:
        every = signals(reference, _SIGNALS, time)
        for k, name in enumerate(_SIGNALS):
            yield _Sequence(name, {each: array[k : k + 1] for each, array in every.items()}, usual)
    sizes = {port.name: port.range[1] + 1 for port in contract.inputs if port.range and port.range[0] == 0}
    if sizes:
        yield _Sequence("vocabulary", every_token(reference, sizes), usual)
    for rows in other_contexts(model, reference):
        yield _Sequence("other contexts", reference.frames(1, time, rng), rows)


def _script(contract: Contract, sequences: list[_Sequence]) -> tuple[bytes, list[_Sequence | bool]]:
    """What is done, byte by byte, and what comes of it: the outputs of a call, or whether it is taken."""
    given, asked = BytesIO(), list[_Sequence | bool]()
    for first in range(0, len(sequences), 2):
        pair = sequences[first : first + 2]
        for which, one in enumerate(pair):
            if contract.contexts:
                _do(given, b"c", which, _values(contract, one.context))
                asked.append(True)
            for odd in _odd_contexts(contract, one.context):
                _do(given, b"c", which, odd)
                asked.append(False)
            _do(given, b"r", which, [])
        lengths = [next(iter(one.frames.values())).shape[1] for one in pair]
        for at in range(0, max(lengths), contract.unit):
            for which, one in enumerate(pair):
                if at >= lengths[which]:
                    continue
                call = {name: array[:, at : at + contract.unit] for name, array in one.frames.items()}
                if at == 3 * contract.unit:
                    for odd in _odd_frames(contract, call):
                        _do(given, b"p", which, odd)
                        asked.append(False)
                _do(given, b"p", which, _in_order(contract, call))
                asked.append(one)
    return given.getvalue(), asked


def _do(given: BytesIO, what: bytes, which: int, arrays: list[Array]) -> None:
    given.write(what + bytes([which]) + b"".join(array.tobytes() for array in arrays))


def _in_order(contract: Contract, call: Rows) -> list[Array]:
    """The inputs of a call (1, time, ...), in the axis order of the graph."""
    arrays = []
    for port in contract.inputs:
        array, axis = call[port.name], port.time_axis
        if axis is None:
            arrays.append(np.ascontiguousarray(np.moveaxis(array[:, 0], 0, port.batch_axis)))
        else:
            arrays.append(np.ascontiguousarray(np.moveaxis(array, (0, 1), (port.batch_axis, axis))))
    return arrays


def _values(contract: Contract, context: Rows) -> list[Array]:
    return [np.ascontiguousarray(context[state.input]) for state in contract.contexts]


def _odd_frames(contract: Contract, call: Rows) -> Iterator[list[Array]]:
    """One input has a number that is none, or that is beyond its range, at its end."""
    for k, port in enumerate(contract.inputs):
        for number in _odd(port.dtype, port.range):
            arrays = [array.copy() for array in _in_order(contract, call)]
            arrays[k].flat[-1] = number
            yield arrays


def _odd_contexts(contract: Contract, context: Rows) -> Iterator[list[Array]]:
    """The same of the first value per sequence, so that no other one is set."""
    for state in contract.contexts[:1]:
        for number in _odd(state.dtype, state.range):
            first, *others = (array.copy() for array in _values(contract, context))
            first.flat[-1] = number
            yield [first, *others]


def _odd(dtype: str, within: tuple[int, int] | None) -> list[float]:
    if dtype.startswith("float"):
        return [np.nan, np.inf, -np.inf]
    return [] if within is None else [within[0] - 1, within[1] + 1]


def _run(built: Built, language: str, folder: Path) -> None:
    source, suffix = built.source, LANGUAGES[language]
    home = folder / "binding" if language == "go" else folder
    for place in {home, folder / "main"} if language == "go" else ():
        place.mkdir()
    for ending, text in ((".c", source.c), (".h", source.h)):
        (home / f"{source.name}{ending}").write_text(text)
    written = next(path for path in built.files if path.suffix == suffix)
    (home / written.name).write_bytes(written.read_bytes())
    if source.weights is not None:
        (folder / "weights.bin").write_bytes(source.weights)
    main = folder / "main" / "main.go" if language == "go" else folder / f"main{written.suffix.replace('hpp', 'cpp')}"
    blob = source.weights is not None
    main.write_text(binding_proof(language, source.name, source.contract, source.programs[0], source.digest, blob))
    if language != "go":
        flags = ["-std=gnu99", "-O1", "-c", *(flag for flag in built.target.flags if flag == "-DNO_VECTORS")]
        system_compiler().compile(flags, [folder / f"{source.name}.c"], folder / "net.o")
    for command in (*_commands(language, source.name), ["./program"]):
        ran = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=_TIMEOUT_S)
        if ran.returncode:
            lines = (ran.stderr or ran.stdout).decode("utf-8", "replace").strip().splitlines()
            text = next((line for line in lines if "error" in line.lower()), lines[0] if lines else str(ran.returncode))
            raise VerificationError(f"{source.name} for {language}: {command[0]} failed: {text.strip()}")


def _commands(language: str, name: str) -> list[list[str]]:
    if language == "cpp":
        return [["g++", "-std=c++17", "-O1", "main.cpp", "net.o", "-o", "program"]]
    if language == "rust":
        rust = ["rustc", "--edition", "2021"]
        return [
            [*rust, "--crate-type", "rlib", "--crate-name", "binding", f"{name}.rs"],
            [*rust, "main.rs", "--extern", "binding=libbinding.rlib", "-C", "link-arg=net.o", "-o", "program"],
        ]
    return [["sh", "-c", _GO]]


def _read(data: bytes, contract: Contract, asked: list[_Sequence | bool], who: str) -> None:
    """Sort what the program wrote by sequence; of outputs per frame what belongs to it."""
    rest = memoryview(data)
    for number, one in enumerate(asked):
        status, rest = bytes(rest[:1]), rest[1:]
        expected = b"\1" if one is False else b"\0"
        if status != expected:
            words = {b"\0": "taken", b"\1": "refused"}
            found = words.get(status, "nothing")
            raise VerificationError(f"{who}: call {number}: expected it to be {words[expected]}, found it {found}")
        if isinstance(one, bool):
            continue
        arrays = {}
        for port in contract.outputs:
            shape = [1, *(int(d) for d in port.frame_shape)]
            shape[0] = port.clock.frames(contract.unit) if port.per_frame else 1
            size = int(np.prod(shape)) * np.dtype(port.dtype).itemsize
            arrays[port.name] = _frames_first(np.frombuffer(rest[:size], port.dtype), port, shape)
            rest = rest[size:]
        for port in contract.outputs:
            if port.per_frame:
                count, rest = int(np.frombuffer(rest[:8], np.int64)[0]), rest[8:]
                arrays[port.name] = arrays[port.name][len(arrays[port.name]) - count :]
        for name, array in arrays.items():
            one.found.setdefault(name, []).append(array)
    if len(rest):
        raise VerificationError(f"{who}: expected {len(data) - len(rest)} bytes, found {len(data)}")


def _frames_first(flat: Array, port: Port, shape: list[int]) -> Array:
    """The numbers of a call in the graph's order, as (time, ...)."""
    if not port.per_frame or port.time_axis is None:
        return flat.reshape(shape)
    sizes = list(shape[1:])
    axis = port.time_axis - (port.batch_axis < port.time_axis)
    sizes.insert(axis, shape[0])
    return np.moveaxis(flat.reshape(sizes), axis, 0)
