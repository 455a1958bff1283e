"""Where buffers stand, in C."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rnnedge_export.codegen._ir.loops import Access
from rnnedge_export.codegen._ir.memory_plan import MemoryPlan
from rnnedge_export.codegen._ir.ring_buffers import Ring
from rnnedge_export.codegen._ir.step_program import StepProgram
from rnnedge_export.codegen._ir.tensors import BYTE, FLOAT, INT, Buffer, Memory
from rnnedge_export.codegen.render._identifiers import identifiers

CTYPES = {FLOAT: "float", INT: "int64_t", BYTE: "uint8_t", "int32": "int32_t", "bool": "uint8_t"}
_BASES = {
    Memory.FLOATS: "WEIGHTS",
    Memory.BYTES: "PACKED",
    Memory.INTEGERS: "INTEGERS",
    Memory.STATES: "states",
    Memory.INTEGER_STATES: "integer_states",
}
_OF_RINGS = {Memory.PAST: "past", Memory.WINDOW: "window", Memory.MIRROR: "mirror"}


class Addresses:
    """Addresses of the buffers of one program; `within` says which of its own the next statement may name.

    `shared` are the numbers of the products that are functions, by shape.
    """

    def __init__(self, memory: MemoryPlan, rings: Sequence[Ring], ports: Mapping[str, str]) -> None:
        """`ports`: what inputs and outputs are called in C, by their names."""
        self._places, self._rings, self._ports = memory.places, rings, ports
        self._allowed: frozenset[Buffer] = frozenset()
        self.shared: Mapping[object, int] = {}

    @classmethod
    def of_pointers(cls) -> Addresses:
        """Those of nothing but pointers that a function has."""
        return cls(MemoryPlan({}, 0, 0), (), {})

    def within(self, buffers: Iterable[Buffer]) -> None:
        """A statement that touches these buffers comes next."""
        self._allowed = frozenset(buffers)

    def pointer(self, buffer: Buffer, offset: int = 0, *terms: str) -> str:
        """The address of an element: `offset` and further `terms` are added."""
        base, start, own = self._of(buffer)
        total = start + offset
        return " + ".join([base, *([str(total)] if total else []), *own, *terms])

    def element(self, buffer: Buffer, offset: int = 0, *terms: str) -> str:
        """The element itself."""
        base, start, own = self._of(buffer)
        total = start + offset
        inside = [*([str(total)] if total or not (own or terms) else []), *own, *terms]
        return f"{base}[{' + '.join(inside)}]"

    def access(self, access: Access, *terms: str) -> str:
        """An element of a loop with the indices i0, i1, ...; further `terms` are added."""
        steps = [f"i{k} * {stride}" if stride != 1 else f"i{k}" for k, stride in enumerate(access.strides) if stride]
        return self.element(access.buffer, access.offset, *steps, *terms)

    def work(self, buffer: Buffer) -> tuple[str, int]:
        """An array, and where in it a buffer of the program begins."""
        place = self._places[buffer]
        if buffer.kind == BYTE:
            return f"((uint8_t *)(work + {place}))", 0
        return "work" if buffer.kind == FLOAT else "integer_work", place

    def _of(self, buffer: Buffer) -> tuple[str, int, list[str]]:
        memory, at = buffer.memory, buffer.at
        if memory is Memory.WORK:
            assert buffer in self._allowed, f"a statement names a buffer of {buffer.size} that it does not touch"
            return (*self.work(buffer), [])
        if memory is Memory.PORT:
            return port_name(self._ports[str(at)]), 0, []
        if memory is Memory.LOCAL:
            return str(at), 0, []
        assert isinstance(at, int)
        if memory in _OF_RINGS:
            return f"{_OF_RINGS[memory]}{at}", 0, []
        if memory is Memory.KEPT:
            ring = self._rings[at]
            return "states", ring.offset, [f"(stream->at[{at}] + {ring.kept_at}) * {ring.frame}"]
        return _BASES[memory], at, []


def addresses(program: StepProgram) -> Addresses:
    """Those of a program."""
    return Addresses(program.memory, program.rings, identifiers(program))


def port_name(identifier: str) -> str:
    """The name of an input or an output in the code, which no local variable has."""
    return f"io_{identifier}"
