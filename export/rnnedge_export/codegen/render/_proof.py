"""A program that steps a compiled network through a recording."""

from __future__ import annotations

from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen.render._addresses import CTYPES, port_name
from rnnedge_export.codegen.render._identifiers import identifiers
from rnnedge_export.codegen.render._text import Code, filled


def proof(name: str, program: StepProgram, weight_bytes: int) -> str:
    """The `main` of it; weights that are a file of their own are read from weights.bin."""
    names = {key: port_name(value) for key, value in identifiers(program).items()}
    ports, reads, writes, begin = Code(), Code(2), Code(2), Code(1)
    for port in (*program.inputs, *program.outputs):
        ports.line(f"static {CTYPES[port.dtype]} {names[port.name]}[{max(port.size, 1)}];")
    for port in program.inputs:
        own = names[port.name]
        if port.size:
            reads.line(f"if (fread({own}, sizeof(*{own}), {port.size}, in) != {port.size}) break;")
    for port in program.outputs:
        own = names[port.name]
        if port.size:
            writes.line(f"fwrite({own}, sizeof(*{own}), {port.size}, out);")
    if weight_bytes:
        begin.raw('FILE *file = fopen("weights.bin", "rb");')
        begin.line(f"if (!file || fread(weights, 1, {weight_bytes}, file) != {weight_bytes}) return 1;")
    begin.line(f"{name}_init(&stream{', weights' if weight_bytes else ''});")
    return filled(
        "prove_main.c",
        name=name,
        ports=ports.text(),
        weights=f"static unsigned char weights[{weight_bytes}] __attribute__((aligned(64)));\n" if weight_bytes else "",
        begin=begin.text(),
        reads=reads.text(),
        arguments="".join(f", {names[port.name]}" for port in (*program.inputs, *program.outputs)),
        writes=writes.text(),
    )
