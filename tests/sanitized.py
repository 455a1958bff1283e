"""Generated C under AddressSanitizer and UndefinedBehaviorSanitizer, every buffer in memory of its own.

In a library the buffers of a program are parts of one array, so that a sanitizer sees nothing where one is left for
another. Here each is an array of its own, no element longer than the program says that it reads or writes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from rnnedge_export.codegen import _program_lowering as compiling
from rnnedge_export.codegen import _source as source
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.tensors import TOKEN, Span
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._program_lowering import Compiled, compile_program
from rnnedge_export.codegen.memory_plan import Arena
from rnnedge_export.codegen.render._c_api import _generic, _named, _width, header, programs
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.contract_json import parse

# The order of float operations is kept, as in every build of the engine.
FLAGS = "-std=gnu11 -O1 -g0 -fno-math-errno -fno-trapping-math -fno-signed-zeros -Wno-psabi".split()
FLAGS += "-fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all".split()
LANES = 8
STEPS = 6


@contextmanager
def _apart() -> Iterator[None]:
    """Programs are written so that each buffer has memory of its own."""
    beyond: dict[int, int] = {}
    check = Span.__post_init__

    def remember(span: Span) -> None:
        check(span)
        if span.beyond and all(count > 0 for count, _ in span.axes):
            end = span.offset + sum(max(0, (count - 1) * step) for count, step in span.axes) + 1
            beyond[id(span.buffer)] = max(beyond.get(id(span.buffer), 0), end)

    def plan(program: Program) -> Arena:
        declared, names = "", {}
        for k, buffer in enumerate(program.buffers):
            names[buffer.address] = f"apart{k}"
            size = max(buffer.size, beyond.get(id(buffer), 0), 1)
            declared += f"static {buffer.kind} apart{k}[{size}] __attribute__((aligned(64)));\n"
        code = "\n".join(TOKEN.sub(lambda found: names[found.group()], one.text()) for one in program.statements)
        return Arena(f"{declared}{code}", 1, 1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Span, "__post_init__", remember)
        patch.setattr(compiling, "plan", plan)
        yield


def write(data: bytes, weights: Weights, name: str, block: int | None = None) -> dict[str, Compiled]:
    """The programs of a sealed file; raises what the compiler raises."""
    model = source._parsed(data, "model")
    contract = parse({entry.key: entry.value for entry in model.metadata_props}, "model")
    batches = [1] + ([block] if block and contract.batch is None else [])
    with _apart():
        return {f"{name}_{batch}": compile_program(model, contract, batch, LANES, weights) for batch in batches}


def write_program(model: onnx.ModelProto, contract: Contract, weights: Weights) -> Compiled:
    """A program of one sequence."""
    with _apart():
        return compile_program(model, contract, 1, LANES, weights)


def with_code(one: Compiled, code: str) -> Compiled:
    """The program with other statements."""
    return replace(one, arena=replace(one.arena, code=code))


def run(parts: Mapping[str, Compiled], weights: Weights, folder: Path) -> str:
    """Step through all programs with random, extreme, non-finite and zero numbers; what a sanitizer says, or ""."""
    text = [f"#define LANES {LANES}\n#define VECTORS 2\n#include <stdint.h>\n#include <stddef.h>"]
    text += source._kernels(weights.all_bytes().size > 0)
    text += [source._constants(weights.all_floats(), weights, False)]
    for name, one in parts.items():
        text += [header(name, [one], "", 0), programs(name, [one], False)]
        text += [_generic(_named(name, one), one, False)]
    path = folder / "apart.c"
    path.write_text("\n".join([*text, _driver(parts)]))
    built = subprocess.run(["cc", *FLAGS, "-o", "apart", path.name, "-lm"], cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[:4000]
    # What `main` leaves to the system is no defect.
    quiet = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    ran = subprocess.run(
        ["./apart"], cwd=folder, capture_output=True, text=True, errors="replace", env=quiet, timeout=300
    )
    lines = [line for line in ran.stderr.splitlines() if "rror" in line or "#" in line]
    return "" if ran.returncode == 0 else f"exit {ran.returncode} in {ran.stdout[-200:]}: {' '.join(lines[:8])[:1500]}"


def _driver(parts: Mapping[str, Compiled]) -> str:
    """C of a `main` whose arrays have not a byte more than each program needs."""
    rows = "\n".join(_row(name, one) for name, one in parts.items())
    return (Path(__file__).with_name("sanitized.c")).read_text().replace("/* ROWS */", rows).replace(
        "/* STEPS */", str(STEPS)
    )  # fmt: skip


def _row(base: str, one: Compiled) -> str:
    name = _named(base, one)

    def sizes(ports: Sequence[tuple[int, str]]) -> str:
        listed = ", ".join(f"{{{count * _width(ctype)}, {int(ctype == 'float')}}}" for count, ctype in ports)
        return f"(const port[]){{{listed or '{0, 0}'}}}, {len(ports)}"

    inputs = sizes([(port.size, port.ctype) for port in one.inputs])
    outputs = sizes([(port.size, port.ctype) for port in one.outputs])
    states = sizes([(state.view.index.size, state.ctype) for state in one.states])
    functions = ", ".join(f"{name}_{what}" for what in ("any_init", "any_reset", "any_step", "read", "write"))
    return f'  {{"{name}", sizeof({name}), {functions}, {inputs}, {outputs}, {states}}},'
