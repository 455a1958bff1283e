"""Proof of a compiled target: its code, run natively, under an emulator or in Node, gives what onnxruntime gives."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnedge_export.codegen._board_proof import on_board
from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._recording import FRAMES, LEVELS, Recording, by_graph, record
from rnnedge_export.codegen._runners import PLAIN, runner_of
from rnnedge_export.codegen._wasm_proof import in_node, parted
from rnnedge_export.codegen.render import proof
from rnnedge_export.codegen.targets import WEB
from rnnedge_export.codegen.toolchain import compiler_of
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import VerificationError
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.model import Model
from rnnedge_runtime.temporary import temporary_folder
from rnnedge_runtime.trust import vouched

if TYPE_CHECKING:
    from rnnedge_export.verification import Effort, Tolerance

# Of the range of an output: sums are taken in another order, and functions are other polynomials.
TOLERANCE = 1e-5
# Of the steps of a file of levels: in the others a number that is 1e-7 apart was rounded to the next level.
_ALIKE = 0.9
# How often every ring begins again in a proof.
_WRAPS = 3


@dataclass(frozen=True)
class Proof:
    """`max_error` is relative to the range of the output; `runner` is what ran the code.

    On the board of a microcontroller `instructions` are those of a step, and `stack_bytes` what it needs of the stack.
    """

    runner: str
    frames: int
    max_error: float
    tolerance: float
    instructions: float | None = None
    stack_bytes: int | None = None


def prove(data: bytes, built: Built, frames: int = FRAMES) -> Proof | None:
    """Run the code of `built` over random frames; None where this machine cannot run it.

    Raises `VerificationError` where it gives something else than onnxruntime does for the file.
    """
    _prove_bindings(data, built)
    runner = runner_of(built)
    if runner is None:
        return None
    if built.target.name == WEB:
        return _of_site(data, built, frames)
    recording = record(data, built, frames)
    with temporary_folder("prove") as folder:
        cost = None
        if built.target.suffix == ".wasm":
            found = in_node(built, recording, folder)
        elif built.target.suffix == ".o":
            found, cost = on_board(built, recording, folder)
        elif runner:
            found = _as_program(built, recording, folder, runner)
        else:
            found = _in_this_process(data, built, recording)
            compare(data, built)
    errors = step_errors(recording, found)
    error, name = float(np.max(errors, initial=0.0)), runner[0] if runner not in ([], PLAIN) else "this processor"
    tolerance = _tolerance(built, recording)
    usual = TOLERANCE if runner == [] else tolerance
    if not error <= tolerance or not np.quantile(errors, _ALIKE) <= usual:
        raise VerificationError(_failure(built, usual, frames, name, error))
    counted = (None, None) if cost is None else (cost.instructions, cost.stack_bytes)
    return Proof(name, frames, error, tolerance, *counted)


def _prove_bindings(data: bytes, built: Built) -> None:
    """Those whose compiler is here; raises `VerificationError`."""
    from rnnedge_export.codegen._binding_proof import languages_of, prove_binding

    if not (languages := languages_of(built)) or built.source.contract.batch not in (None, 1):
        return
    model = load_bytes(data, built.source.name, trust="local")
    for language in languages:
        prove_binding(model, built, language, _near(built))


def _near(built: Built) -> Tolerance:
    """Of streams that go on: of levels what the file promises of its own golden sample."""
    from rnnedge_export.verification import Tolerance

    golden = built.source.contract.golden
    if built.source.contract.precision in LEVELS and golden is not None:
        return Tolerance(max(TOLERANCE, golden.tolerance), promised=True)
    return Tolerance(TOLERANCE, of_output=True)


def _failure(built: Built, usual: float, frames: int, name: str, error: float) -> str:
    return (
        f"{built.source.name} for {built.target.name}: expected an error of at most {usual:.0e} of the output's "
        f"range over {frames} frames on {name}, found {error:.1e}; use provider='cpu', and report the file"
    )


def compare(data: bytes, built: Built) -> None:
    """Hold the library to every check of an export, onnxruntime being the source: in both programs, on all roads.

    Raises `VerificationError` where it gives something else.
    """
    from rnnedge_export.codegen._engine_checks import resets, rows, snapshots
    from rnnedge_export.codegen._file_oracle import reference_of
    from rnnedge_export.verification import Tolerance, check_against, require

    name, contract = built.source.name, built.source.contract
    if contract.batch is not None:
        return
    plain, native = load_bytes(data, name, trust="local"), _native(data, built)
    reference = reference_of(plain)
    # Of levels, what rounds to another one is as far off as the file promises.
    near = None if contract.precision in LEVELS else Tolerance(TOLERANCE, of_output=True)
    verification = check_against(native, reference, effort=_effort(built), tolerance=near)
    more = (snapshots(native, plain, reference, near), rows(native, reference, near), resets(native))
    verification = replace(verification, checks=(*verification.checks, *more))
    require(verification, f"{name} for {built.target.name}", "use provider='cpu', and report the file")


def _effort(built: Built) -> Effort:
    """Frames enough that every ring wraps, in a block too; sequences for a block and one more."""
    from rnnedge_export.verification import Effort

    one, contract = built.source.programs[0], built.source.contract
    calls = max((_WRAPS * ring.room // ring.fresh for ring in one.rings), default=0)
    scale = max(contract.unit, 1 + contract.lookahead)
    frames = max(FRAMES, calls * contract.unit)
    block = max(program.batch for program in built.source.programs)
    return Effort(lengths=(1, 7, -(-frames // scale)), batches=(1, block + 1), frames=frames)


def _native(data: bytes, built: Built) -> Model:
    assert built.artifact is not None
    settings = Settings(provider="native", provider_options={"native": {"library": str(built.artifact)}})
    with vouched(hashlib.sha256(built.artifact.read_bytes()).hexdigest()):
        return load_bytes(data, built.source.name, settings, trust="local")


def _tolerance(built: Built, recording: Recording) -> float:
    return _chained_tolerance(built, recording.outputs) if recording.before else TOLERANCE


def _chained_tolerance(built: Built, outputs: Iterable[Array]) -> float:
    """Of steps that go on from one another: for a file of levels, what that promises of its own golden sample."""
    golden = built.source.contract.golden
    if built.source.contract.precision not in LEVELS or golden is None:
        return TOLERANCE
    return max(TOLERANCE, golden.tolerance / max(float(np.abs(rows).max()) for rows in outputs))


def _of_site(data: bytes, built: Built, frames: int) -> Proof:
    """In Node, through the modules with vectors and without."""
    from rnnedge_export.codegen._file_oracle import reference_of
    from rnnedge_export.codegen._site_proof import errors_of_site

    model, tolerance, error = load_bytes(data, built.source.name, trust="local"), _near(built), 0.0
    share = tolerance.share
    with temporary_folder("prove") as folder:
        for worst in errors_of_site(model, reference_of(model), built, frames, tolerance, folder):
            if not worst.ratio <= 1:
                raise VerificationError(f"{_failure(built, share, frames, 'node', worst.error)}: {worst.place}")
            error = max(error, share * worst.ratio)
    return Proof("node", frames, error, share)


def step_errors(recording: Recording, found: list[Array]) -> Array:
    """Of every step the largest difference of any output, over the largest value of that output."""
    errors = [
        np.abs(mine.astype(np.float64) - theirs).max(axis=1) / max(np.abs(theirs).max(), 1e-30)
        for mine, theirs in zip(found, recording.outputs, strict=True)
        if theirs.size
    ]
    return np.maximum.reduce(errors) if errors else np.zeros(1)


def _in_this_process(data: bytes, built: Built, recording: Recording) -> list[Array]:
    """Load the library as the runtime does, golden sample and all, and step through the recording."""
    stream = _native(data, built).stream()
    ports = built.source.programs[0]
    given = dict(zip((port.name for port in ports.inputs), recording.inputs, strict=True))
    found: list[list[Array]] = [[] for _ in ports.outputs]
    for k in range(len(next(iter(recording.inputs)))):
        if recording.before:
            stream.restore(recording.before[k])
        for name, array in by_graph(stream.contract, stream.inputs).items():
            array[...] = given[name][k].reshape(array.shape)
        stream.step()
        outputs = by_graph(stream.contract, stream.outputs)
        for port, kept in zip(ports.outputs, found, strict=True):
            kept.append(np.array(outputs[port.name]).ravel())
    return [np.array(rows) for rows in found]


def _as_program(built: Built, recording: Recording, folder: Path, runner: list[str]) -> list[Array]:
    """Compile the sources with a `main` that steps through the recording, and run that."""
    source, target = built.source, built.target
    (folder / f"{source.name}.c").write_text(source.c)
    (folder / f"{source.name}.h").write_text(source.h)
    (folder / "in.bin").write_bytes(recording.given())
    if source.weights is not None:
        (folder / "weights.bin").write_bytes(source.weights)
    (folder / "main.c").write_text(proof(source.name, source.programs[0], len(source.weights or b"")))
    program = folder / "prove"
    flags = [flag for flag in target.all_flags if flag not in ("-shared", "-fPIC", "-nostdlib", "-DRNNEDGE_LIBRARY")]
    compiler = compiler_of(target)
    # A program that needs no libraries of the other system.
    command = [part.replace("-linux-gnu", "-linux-musl") for part in compiler.command]
    compiler = type(compiler)(tuple(command), compiler.version)
    flags.append("-static")
    compiler.compile(flags, [folder / "main.c", folder / f"{source.name}.c"], program)
    ran = subprocess.run([*runner, str(program)], cwd=folder, capture_output=True, check=False, timeout=600)
    if ran.returncode:
        text = ran.stderr.decode("utf-8", "replace").strip()
        raise VerificationError(f"{source.name} for {target.name}: ended with {ran.returncode}: {text}")
    return parted((folder / "out.bin").read_bytes(), built, len(recording.inputs[0]))
