"""An object for a microcontroller stepped through a recording on a board that QEMU emulates."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rnnedge_export.codegen._build import Built
from rnnedge_export.codegen._ir.tensors import Array
from rnnedge_export.codegen._recording import Recording
from rnnedge_export.codegen._wasm_proof import parted
from rnnedge_export.codegen.render import part, proof
from rnnedge_export.codegen.toolchain import compiler_of
from rnnedge_runtime.errors import VerificationError

# The machine of qemu-system-arm that has the processor of a target.
_BOARDS = {"cortex-m4": ("mps2-an386", "cortex-m4"), "cortex-m7": ("mps2-an500", "cortex-m7")}
_EMULATOR, _TIMEOUT_S = "qemu-system-arm", 600
# Virtual time is a number of instructions: 32 ns each. The board's counter has a tick every 40 ns.
_SHIFT, _TICK_NS = 5, 40
_CONSOLE = ("-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native")
# Without these a copy of the firmware would become a call of itself.
_FLAGS = ("-ffreestanding", "-fno-builtin", "-nostdlib", "-O2")


@dataclass(frozen=True)
class Cost:
    """Of a step: instructions, mean of all, and bytes of the stack at most."""

    instructions: float
    stack_bytes: int


def board_of(built: Built) -> list[str] | None:
    """The emulator of the board for the target of `built`; None where there is none here.

    Networks whose weights are a file of their own do not fit on one.
    """
    known = built.target.name in _BOARDS and built.source.weights is None
    return [_EMULATOR] if known and shutil.which(_EMULATOR) else None


def on_board(built: Built, recording: Recording, folder: Path) -> tuple[list[Array], Cost]:
    """Link the object with a firmware that steps through the recording, and run that; outputs and cost of every step.

    Raises `VerificationError` where it fails.
    """
    (folder / "in.bin").write_bytes(recording.given())
    machine, processor = _BOARDS[built.target.name]
    command = [_EMULATOR, "-M", machine, "-cpu", processor, *_CONSOLE]
    command += ["-icount", f"shift={_SHIFT},align=off,sleep=off", "-kernel", str(_firmware(built, folder))]
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=_TIMEOUT_S)
    if ran.returncode:
        text = ran.stderr.decode("utf-8", "replace").strip()
        raise VerificationError(f"{built.source.name} for {built.target.name}: ended with {ran.returncode}: {text}")
    found = parted((folder / "out.bin").read_bytes(), built, len(recording.inputs[0]))
    ticks, steps, stack = struct.unpack("<QII", (folder / "cost.bin").read_bytes())
    return found, Cost(ticks * _TICK_NS / (1 << _SHIFT) / max(steps, 1), stack)


def _firmware(built: Built, folder: Path) -> Path:
    source, target = built.source, built.target
    assert built.artifact is not None
    (folder / f"{source.name}.h").write_text(source.h)
    (folder / "stdio.h").write_text(part("board_stdio.h"))
    (folder / "board.c").write_text(part("board_cortex_m.c"))
    (folder / "board.ld").write_text(part("board_cortex_m.ld"))
    (folder / "main.c").write_text(proof(source.name, source.programs[0], 0))
    processor = [flag for flag in target.flags if flag.startswith("-mcpu")]
    flags = [*processor, *_FLAGS, f"-I{folder}", "-T", str(folder / "board.ld")]
    firmware = folder / "prove.elf"
    compiler_of(target).compile(flags, [folder / "main.c", folder / "board.c", built.artifact], firmware)
    return firmware
