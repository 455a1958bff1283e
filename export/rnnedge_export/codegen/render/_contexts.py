"""Values per sequence in C: they are states that a function of their own sets, and that `reset` leaves as they are."""

from __future__ import annotations

from rnnedge_export.codegen._ir.step_program import StepProgram, StepState
from rnnedge_export.codegen.render import _states
from rnnedge_export.codegen.render._addresses import CTYPES, Addresses
from rnnedge_export.codegen.render._identifiers import identifier, identifiers
from rnnedge_export.codegen.render._text import Code, filled, in_comment


def of(program: StepProgram) -> dict[str, StepState]:
    """Those of a program, by their names in C."""
    taken = set(identifiers(program).values())
    return {identifier(one.state.input, taken): one for one in program.states if one.state.context}


def sizes(program: StepProgram) -> list[tuple[str, int]]:
    """How many numbers each has, by its name in C."""
    return [(name, one.view.index.size) for name, one in of(program).items()]


def initials(program: StepProgram, addresses: Addresses) -> str:
    """Each begins with the value of the example."""
    contexts = of(program)
    if not contexts:
        return ""
    code = Code(1)
    with code.block():
        code.line("float *const states = stream->states;")
        code.line("int64_t *const integer_states = stream->integers;")
        code.line("(void)states, (void)integer_states;")
        _states.begin(code, list(contexts.values()), addresses)
    return code.text()


def setters(name: str, program: StepProgram, addresses: Addresses) -> str:
    """A function for each."""
    found = []
    for context, one in of(program).items():
        code = Code(1)
        _states.copy_given(code, one, "value", addresses)
        ctype = CTYPES[one.state.dtype]
        found.append(filled("context.c", name=name, context=context, ctype=ctype, copies=code.text()))
    return "".join(found)


def declarations(name: str, program: StepProgram) -> str:
    """What the header says of them."""
    return "".join(
        filled(
            "context.h",
            name=name,
            context=context,
            said=in_comment(one.state.input),
            ctype=CTYPES[one.state.dtype],
            size=one.view.index.size,
            shape=list(one.view.index.shape),
        )
        for context, one in of(program).items()
    )
