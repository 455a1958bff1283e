"""What a library shows to a caller that knows no model: generic functions of every program, and their description."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen.render import _states
from rnnedge_export.codegen.render._addresses import CTYPES, addresses
from rnnedge_export.codegen.render._c_api import program_name
from rnnedge_export.codegen.render._text import Code, filled, string

ABI = 3


def generic(name: str, program: StepProgram, blob: bool) -> str:
    """Functions whose types are the same for every program."""
    own = program_name(name, program)
    at = addresses(program)
    reads, writes = Code(1), Code(1)
    _states.copies(reads, program, at, reads=True)
    _states.copies(writes, program, at, reads=False)
    arguments = [f",\n      (const {CTYPES[p.dtype]} *)any_inputs[{k}]" for k, p in enumerate(program.inputs)]
    arguments += [f",\n      ({CTYPES[p.dtype]} *)any_outputs[{k}]" for k, p in enumerate(program.outputs)]
    return filled(
        "any_program.c",
        name=own,
        weights=", any_weights" if blob else "",
        arguments="".join(arguments),
        refused=f"(({own} *)any_stream)->refused" if program.refuses else "0",
        forget="  stream->refused = 0;\n" if program.refuses else "",
        reads=reads.text(),
        writes=writes.text(),
    )


def description(name: str, programs: Sequence[StepProgram], digest: str, weight_bytes: int, weights_sha: str) -> str:
    """The description that the runtime reads, with everything that it calls."""
    one = programs[0]
    states = [(s.state.input, s.view.index.size // one.batch * np.dtype(s.state.dtype).itemsize) for s in one.states]
    ports = {"input": [(p.name, p.bytes) for p in one.inputs], "output": [(p.name, p.bytes) for p in one.outputs]}
    tables = {}
    for what, pairs in {**ports, "state": states}.items():
        tables[f"{what}_names"] = ", ".join(string(each) for each, _ in pairs) or "0"
        tables[f"{what}_bytes"] = ", ".join(str(size) for _, size in pairs) or "0"
    text = filled(
        "description.c",
        programs=",\n".join(f"  {_entry(program_name(name, each), each)}" for each in programs),
        name=name,
        abi=ABI,
        count=len(programs),
        digest=string(digest),
        weight_bytes=weight_bytes,
        weights_sha=string(weights_sha),
        inputs=len(one.inputs),
        outputs=len(one.outputs),
        states=len(one.states),
        **tables,
    )
    return "".join(generic(name, each, weight_bytes > 0) for each in programs) + text


def _entry(name: str, program: StepProgram) -> str:
    functions = ", ".join(f"{name}_{what}" for what in ("any_init", "any_reset", "any_step", "read", "write"))
    rings = [ring.offset for ring in program.rings]
    changed = f"offsetof({name}, states) + {4 * min(rings)}" if rings else f"offsetof({name}, work)"
    return (
        f"{{{program.batch}, {int(program.refuses)}, sizeof({name}), offsetof({name}, work), {changed}, {functions}}}"
    )
