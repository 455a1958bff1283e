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

_TIMEOUT_S = 600
_CONSOLE = ("-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native")
# Bytes that the firmware, its stack and what measures it take of a board, at most.
_OURS = 96 * 1024
# Without these a copy of the firmware would become a call of itself. The library has what a compiler calls for numbers
# of 64 bits, as that of every toolchain has.
_FLAGS = ("-ffreestanding", "-fno-builtin", "-nostdlib", "-rtlib=compiler-rt", "-O2")


@dataclass(frozen=True)
class _Board:
    """A machine of an emulator; `processor` is part of the names of its files.

    Virtual time is a number of instructions, 2**`shift` ns each, of which `ticks` of the board's counter are one. Code
    has `code` bytes, or, where that is None, shares the `memory` of data and stack.
    """

    emulator: str
    machine: tuple[str, ...]
    processor: str
    shift: int
    ticks: float
    memory: int
    code: int | None = None

    def holds(self, code: int, memory: int) -> bool:
        """Whether that many bytes fit, and what the proof itself needs."""
        if self.code is None:
            return code + memory + _OURS <= self.memory
        return code + _OURS <= self.code and memory + _OURS <= self.memory


def _cortex_m(machine: str, processor: str) -> _Board:
    # A tick is 40 ns.
    return _Board("qemu-system-arm", ("-M", machine, "-cpu", processor), "cortex_m", 5, 32 / 40, 4 << 20, 4 << 20)


_BOARDS = {
    "cortex-m4": _cortex_m("mps2-an386", "cortex-m4"),
    "cortex-m7": _cortex_m("mps2-an500", "cortex-m7"),
    # Its counter has instructions in some versions, and nanoseconds in others.
    "riscv32": _Board(
        "qemu-system-riscv32", ("-M", "virt", "-cpu", "rv32", "-bios", "none"), "riscv32", 0, 1.0, 16 << 20
    ),
}


@dataclass(frozen=True)
class Cost:
    """Of a step: instructions, mean of all, and bytes of the stack at most."""

    instructions: float
    stack_bytes: int


def board_of(built: Built) -> list[str] | None:
    """The emulator of the board for the target of `built`; None if there is none here, or the network is too large.

    Networks whose weights are a file of their own are.
    """
    board = _BOARDS.get(built.target.name) if built.source.weights is None else None
    if board is None or built.artifact is None or shutil.which(board.emulator) is None:
        return None
    size = built.artifact.stat().st_size
    return [board.emulator] if board.holds(size, built.source.programs[0].memory_bytes) else None


def on_board(built: Built, recording: Recording, folder: Path) -> tuple[list[Array], Cost]:
    """Link the object with a firmware that steps through the recording, and run that; outputs and cost of every step.

    Raises `VerificationError` where it fails.
    """
    (folder / "in.bin").write_bytes(recording.given())
    board = _BOARDS[built.target.name]
    firmware = _firmware(built, board, folder)
    counted = ("-icount", f"shift={board.shift},align=off,sleep=off")
    command = [board.emulator, *board.machine, *_CONSOLE, *counted, "-kernel", str(firmware)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=_TIMEOUT_S)
    if ran.returncode:
        text = ran.stderr.decode("utf-8", "replace").strip()
        raise VerificationError(f"{built.source.name} for {built.target.name}: ended with {ran.returncode}: {text}")
    found = parted((folder / "out.bin").read_bytes(), built, len(recording.inputs[0]))
    ticks, steps, stack = struct.unpack("<QII", (folder / "cost.bin").read_bytes())
    return found, Cost(ticks / board.ticks / max(steps, 1), stack)


def _firmware(built: Built, board: _Board, folder: Path) -> Path:
    source, target = built.source, built.target
    assert built.artifact is not None
    (folder / f"{source.name}.h").write_text(source.h)
    ours = f"board_{board.processor}"
    parts = {"stdio.h": "board_stdio.h", "board.c": "board.c", "board.h": f"{ours}.h", "board.ld": f"{ours}.ld"}
    for name, template in parts.items():
        (folder / name).write_text(part(template))
    (folder / "main.c").write_text(proof(source.name, source.programs[0], 0))
    processor = [flag for flag in target.flags if flag.startswith("-mcpu")]
    flags = [*processor, *_FLAGS, f"-I{folder}", "-T", str(folder / "board.ld")]
    firmware = folder / "prove.elf"
    compiler_of(target).compile(flags, [folder / "main.c", folder / "board.c", built.artifact], firmware)
    return firmware
