"""C around the statements of a program: its header, the struct of a stream, and the functions over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from rnnedge_export.codegen._ir.step_program import StepPort, StepProgram
from rnnedge_export.codegen.render import _contexts, _states
from rnnedge_export.codegen.render._addresses import CTYPES, Addresses, port_name
from rnnedge_export.codegen.render._addresses import addresses as addresses_of
from rnnedge_export.codegen.render._gemm import Shape
from rnnedge_export.codegen.render._identifiers import distinct, identifiers
from rnnedge_export.codegen.render._labels import macro
from rnnedge_export.codegen.render._step import step
from rnnedge_export.codegen.render._text import Code, filled, in_comment
from rnnedge_runtime.contract import Contract

_LONG = 60
_REFUSED = "  int32_t refused; /* whether a step since the last reset met a number of a row that is not there */\n"
_FIND_WEIGHTS = "  const float *const restrict WEIGHTS = stream->weights;\n"
_OF_WEIGHTS = "; `weights` is the file of weights in memory, aligned to 64 bytes, which has to stay there"


def header(name: str, programs: Sequence[StepProgram], digest: str, weight_bytes: int, contract: Contract) -> str:
    """The header for who embeds the model."""
    one = programs[0]
    names = identifiers(one)
    counts = [(names[p.name], p.size) for p in (*one.inputs, *one.outputs)] + _contexts.sizes(one)
    # The constant of the weights is another one than the size of an input of this name.
    taken: set[str] = set()
    sizes = [f"{name.upper()}_{distinct(text.upper(), taken, taken)}_SIZE = {size}" for text, size in counts]
    sizes += [f"{name.upper()}_WEIGHT_BYTES = {weight_bytes}"]
    return filled(
        "header.h",
        GUARD=f"{name.upper()}_H",
        MODEL=name.upper(),
        digest=digest,
        labels=macro(name.upper(), contract),
        sizes=",\n".join(f"  {size}" for size in sizes),
        programs="".join(_declarations(program_name(name, each), each, weight_bytes > 0) for each in programs),
    )


def program_name(name: str, program: StepProgram) -> str:
    """What the names of a program begin with."""
    return name if program.batch == 1 else f"{name}_block"


def _declarations(name: str, program: StepProgram, blob: bool) -> str:
    names = identifiers(program)
    rings = f"  int32_t at[{len(program.rings)}];\n" if program.rings else ""
    return filled(
        "program.h",
        name=name,
        many=f" for {program.batch} sequences" if program.batch > 1 else "",
        floats=max(program.floats, 1),
        integers=max(program.integers + program.memory.integers, 1),
        fields=rings,
        refused=_REFUSED if program.refuses else "",
        work=program.memory.floats,
        of_weights=_OF_WEIGHTS if blob else "",
        weights=", const void *weights" if blob else "",
        refusal=f"\n{filled('refusal.h', name=name)}" if program.refuses else "",
        inputs="\n".join(_said(port, names) for port in program.inputs),
        outputs="\n".join(_said(port, names) for port in program.outputs),
        kept="; values per sequence stay" if _contexts.of(program) else "",
        setters=_contexts.declarations(name, program),
        parameters=_parameters(program, lambda port: f"*{names[port.name]}"),
    )


def _said(port: StepPort, names: Mapping[str, str]) -> str:
    ctype = CTYPES[port.dtype]
    return f"   {names[port.name]}: {in_comment(port.name)}, {ctype}[{port.size}], shape {list(port.shape)}"


def _parameters(program: StepProgram, named: Callable[[StepPort], str]) -> str:
    """Further parameters of a step; on lines of their own if they are many."""
    parts = [f"const {CTYPES[port.dtype]} {named(port)}" for port in program.inputs]
    parts += [f"{CTYPES[port.dtype]} {named(port)}" for port in program.outputs]
    space = " " if sum(map(len, parts)) <= _LONG else "\n    "
    return "".join(f",{space}{part}" for part in parts)


def functions(
    name: str,
    program: StepProgram,
    blob: bool,
    addresses: Addresses | None = None,
    shared: Iterable[Shape] = (),
) -> str:
    """The functions of a program; raises `TooLarge` if a step is too long. `shared`: products that are functions."""
    at, names = addresses or addresses_of(program), identifiers(program)
    at.shared = {shape: number for number, shape in enumerate(shared)}
    initials, statements = Code(1), Code(1)
    _states.begin(initials, [one for one in program.states if not one.state.context], at)
    _states.declare_rings(statements, program.rings)
    step(statements, program, at)
    _states.hold(statements, program.states, at)
    return filled(
        "program.c",
        name=program_name(name, program),
        initials=initials.text(),
        contexts=_contexts.initials(program, at),
        setters=_contexts.setters(program_name(name, program), program, at),
        weights=", const void *weights" if blob else "",
        keep_weights="  stream->weights = (const float *)weights;\n" if blob else "",
        find_weights=_FIND_WEIGHTS if blob else "",
        parameters=_parameters(program, lambda port: f"*restrict {port_name(names[port.name])}"),
        integers=program.integers,
        forget="  stream->refused = 0;\n" if program.refuses else "",
        refusal=f"\n{filled('refusal.c', name=program_name(name, program))}" if program.refuses else "",
        unread="".join(f", (void){port_name(names[port.name])}" for port in program.inputs),
        statements=statements.text(),
    )


def stretch(
    name: str,
    program: StepProgram,
    blob: bool,
    addresses: Addresses | None = None,
    shared: Iterable[Shape] = (),
) -> str:
    """The function of several steps over the struct of one; raises `TooLarge` as `functions` does."""
    at, names = addresses or addresses_of(program), identifiers(program)
    at.shared = {shape: number for number, shape in enumerate(shared)}
    ports, statements = Code(1), Code(1)
    for kind, const, found in (("inputs", "const ", program.inputs), ("outputs", "", program.outputs)):
        for k, port in enumerate(found):
            pointer = f"{const}{CTYPES[port.dtype]} *"
            ports.line(f"{pointer}const restrict {port_name(names[port.name])} = ({pointer})any_{kind}[{k}];")
    step(statements, program, at)
    for ring in program.rings:
        statements.line(f"stream->at[{ring.number}] = {ring.begin};")
    longest = max((one.state.warmup for one in program.states), default=0)
    return filled(
        "stretch.c",
        name=name,
        steps=program.steps_at_once,
        early=f"  if (stream->calls < {longest}) return -1;\n" if longest else "",
        find_weights=_FIND_WEIGHTS if blob else "",
        integers=program.integers,
        ports=ports.text(),
        unread="".join(f", (void){port_name(names[port.name])}" for port in program.inputs),
        statements=statements.text(),
        refused="stream->refused" if program.refuses else "0",
    )
