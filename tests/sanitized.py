"""Generated C under AddressSanitizer and UndefinedBehaviorSanitizer, every buffer in memory of its own.

In a library the buffers of a program are parts of one array, so that a sanitizer sees nothing where one is left for
another. Here each is an array of its own, no element longer than the program says that it reads or writes.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx

from rnnedge_export.codegen import _source, render
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.tensors import Buffer
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import lower_program
from rnnedge_export.codegen._stretch import lower_stretch
from rnnedge_export.codegen.render._addresses import CTYPES, Addresses
from rnnedge_export.codegen.render._identifiers import identifiers
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.contract_json import parse

# The order of float operations is kept, as in every build of the engine.
FLAGS = "-std=gnu11 -O1 -g0 -fno-math-errno -fno-trapping-math -fno-signed-zeros -Wno-psabi".split()
FLAGS += "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all".split()
LANES = 8
_STRETCH = "_stretch"
STEPS = 6


class Apart(Addresses):
    """Each buffer of a program is an array of its own, as long as `beyond` says that it is read."""

    def __init__(self, program: StepProgram) -> None:
        super().__init__(program.memory, program.rings, identifiers(program))
        self._beyond = _ends(program)
        self._names: dict[Buffer, str] = {}

    def work(self, buffer: Buffer) -> tuple[str, int]:
        """Its array."""
        return self._names.setdefault(buffer, f"apart{len(self._names)}"), 0

    def declared(self) -> str:
        """C of all arrays."""
        text = ""
        for buffer, name in self._names.items():
            size = max(buffer.size, self._beyond.get(buffer, 0), 1)
            text += f"static {CTYPES[buffer.kind]} {name}[{size}] __attribute__((aligned(64)));\n"
        return text


def _ends(program: StepProgram) -> dict[Buffer, int]:
    """How far buffers are read beyond their ends."""
    ends: dict[Buffer, int] = {}
    for step in program.steps:
        for span in step.statement.touched():
            if span.beyond and all(count > 0 for count, _ in span.axes):
                end = span.offset + sum(max(0, (count - 1) * by) for count, by in span.axes) + 1
                ends[span.buffer] = max(ends.get(span.buffer, 0), end)
    return ends


def write(data: bytes, weights: Weights, name: str, block: int | None = None) -> dict[str, StepProgram]:
    """The programs of a sealed file; raises what the compiler raises."""
    model = _source._parsed(data, "model")
    contract = parse({entry.key: entry.value for entry in model.metadata_props}, "model")
    batches = [1] + ([block] if block and contract.batch is None else [])
    found = {f"{name}_{batch}": lower_program(model, contract, batch, LANES, weights) for batch in batches}
    several = lower_stretch(model, contract, found[f"{name}_1"], LANES, weights)
    return found | ({f"{name}_1{_STRETCH}": several} if several else {})


def write_program(model: onnx.ModelProto, contract: Contract, weights: Weights) -> StepProgram:
    """A program of one sequence."""
    return lower_program(model, contract, 1, LANES, weights)


def functions(name: str, one: StepProgram, shared: Iterable[render.Shape]) -> str:
    """C of a program whose buffers are arrays of their own."""
    apart = Apart(one)
    if one.steps_at_once > 1:
        text = render.stretch(name.removesuffix(_STRETCH), one, False, apart, shared)
    else:
        text = render.functions(name, one, False, apart, shared)
    return apart.declared().replace("apart", f"{name}_apart") + re.sub(r"\bapart(?=\d)", f"{name}_apart", text)


def run(
    parts: Mapping[str, StepProgram], weights: Weights, folder: Path, change: Callable[[str], str] = lambda text: text
) -> str:
    """Step through all programs with random, extreme, non-finite and zero numbers; what a sanitizer says, or "".

    `change` gets the C of every program.
    """
    text = [f"#define LANES {LANES}\n#define VECTORS 2\n#include <stdint.h>\n#include <stddef.h>"]
    text += [render.kernels(weights.all_bytes().size > 0, weights.sparse), render.constants(weights, False)]
    shared = render.shared_products(parts.values())
    text += [render.definitions(shared)]
    for name, one in parts.items():
        # Several steps are made over the struct of one.
        around = one.steps_at_once == 1
        text += [render.header(name, [one], "", 0, Contract((), (), (), "step", 20, chunk=1))] * around
        text += [change(functions(name, one, shared)), *([render.generic(name, one, False)] * around)]
    path = folder / "apart.c"
    path.write_text("\n".join([*text, _driver(parts)]))
    built = subprocess.run(["cc", *FLAGS, "-o", "apart", path.name, "-lm"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[:4000]
    # What `main` leaves to the system is no defect.
    quiet = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run(
        ["./apart"], cwd=folder, capture_output=True, text=True, errors="replace", env=quiet, timeout=300
    )
    lines = [line for line in ran.stderr.splitlines() if re.search("error|#", line, re.IGNORECASE)]
    return "" if ran.returncode == 0 else f"exit {ran.returncode} in {ran.stdout[-200:]}: {' '.join(lines[:8])[:1500]}"


def _driver(parts: Mapping[str, StepProgram]) -> str:
    """C of a `main` whose arrays have not a byte more than each program needs."""
    rows = "\n".join(_row(name, one) for name, one in parts.items())
    return (Path(__file__).with_name("sanitized.c")).read_text().replace("/* ROWS */", rows).replace(
        "/* STEPS */", str(STEPS)
    )  # fmt: skip


def _row(base: str, one: StepProgram) -> str:
    several = one.steps_at_once > 1
    name = render.program_name(base.removesuffix(_STRETCH) if several else base, one)

    def sizes(ports: Sequence[tuple[int, str]]) -> str:
        listed = ", ".join(f"{{{count * np.dtype(kind).itemsize}, {int(kind == 'float32')}}}" for count, kind in ports)
        return f"(const port[]){{{listed or '{0, 0}'}}}, {len(ports)}"

    inputs = sizes([(port.size, port.dtype) for port in one.inputs])
    outputs = sizes([(port.size, port.dtype) for port in one.outputs])
    states = sizes([(state.view.index.size, state.state.dtype) for state in one.states])
    step = "stretch" if several else "any_step"
    functions = ", ".join(f"{name}_{what}" for what in ("any_init", "any_reset", step, "read", "write"))
    return f'  {{"{name}", sizeof({name}), {functions}, {inputs}, {outputs}, {states}}},'
