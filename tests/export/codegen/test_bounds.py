"""No statement leaves its buffers: what would is refused while the code is written, whatever rule wrote it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from in_one_test import in_one_test
from one_node import Case, compiled

from rnnedge_export.codegen._ir.expressions import FIRST
from rnnedge_export.codegen._ir.loops import Access, Assignment, Loop
from rnnedge_export.codegen._ir.memory_plan import plan_memory
from rnnedge_export.codegen._ir.program import Program
from rnnedge_export.codegen._ir.statements import Clear
from rnnedge_export.codegen._ir.tensors import FLOAT, NOTHING, SLACK, Buffer, Memory, OutOfBuffer, Span, View
from rnnedge_export.codegen._ir.weights import Weights
from rnnedge_export.codegen._nodes.node import Node
from rnnedge_export.codegen.render import Addresses
from rnnedge_runtime.errors import ModelRefused


def test_a_span_is_allowed_just_if_every_element_is_in_its_buffer() -> None:
    """Counted out: random offsets, counts and steps, of both signs."""
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(500):
        offset, size = int(rng.integers(-2, 12)), int(rng.integers(1, 24))
        axes = tuple((int(rng.integers(0, 4)), int(rng.integers(-4, 5))) for _ in range(rng.integers(0, 4)))
        touched = [
            offset + sum(k * step for k, (_, step) in zip(turn, axes, strict=True))
            for turn in product(*(range(count) for count, _ in axes))
        ]
        inside = all(0 <= place < size for place in touched)
        outcomes.add(inside)
        try:
            Span(Buffer(Memory.WORK, None, size, FLOAT), offset, axes)
        except OutOfBuffer:
            assert not inside, (offset, size, axes)
        else:
            assert inside, (offset, size, axes)
    assert outcomes == {True, False}


def test_only_the_memory_of_the_program_may_be_read_beyond_its_end() -> None:
    """A panel further on, and no more; a port of the caller not at all."""
    own, port = Buffer(Memory.WORK, None, 8, FLOAT), Buffer(Memory.PORT, "x", 8, FLOAT, "float32")
    Span(own, 0, ((8 + SLACK, 1),), beyond=True)
    Span(port, 0, ((8, 1),), beyond=True)
    for buffer, count in ((own, 9 + SLACK), (port, 9)):
        with pytest.raises(OutOfBuffer):
            Span(buffer, 0, ((count, 1),), beyond=True)


@pytest.mark.parametrize("places", [[0, 8], [-2, 0]])
def test_a_view_has_no_element_outside_its_buffer(places: list[int]) -> None:
    """Neither behind nor before it; the mark of an element that is nowhere is none of them."""
    View(Buffer(Memory.WORK, None, 8, FLOAT), np.array([NOTHING, 0, 7]))
    with pytest.raises(OutOfBuffer):
        View(Buffer(Memory.WORK, None, 8, FLOAT), np.array(places))


def test_a_loop_stays_inside_what_it_reads_and_writes() -> None:
    """The last turn counts."""
    a, b = Buffer(Memory.WORK, None, 8, FLOAT), Buffer(Memory.WORK, None, 8, FLOAT)
    Loop((4, 2), (Assignment(Access(b, 0, (2, 1)), FIRST, (Access(a, 0, (2, 1)),)),))
    for read, write in ((Access(a, 1, (2, 1)), Access(b, 0, (2, 1))), (Access(a, 0, (2, 1)), Access(b, 0, (3, 1)))):
        with pytest.raises(OutOfBuffer):
            Loop((4, 2), (Assignment(write, FIRST, (read,)),))


def test_a_statement_names_no_buffer_that_it_does_not_say_it_touches() -> None:
    """So that no statement can leave one out."""
    program = Program(1, 8, Weights())
    said, unsaid = program.buffer(4), program.buffer(4)
    program.emit(Clear(said, 4))
    program.emit(Clear(unsaid, 4))
    addresses = Addresses(plan_memory(program), (), {})
    addresses.within([said])
    assert addresses.element(said, 3) == "work[3]"
    with pytest.raises(AssertionError, match="does not touch"):
        addresses.element(unsaid, 3)


def _x(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


# Each would leave a buffer if its rule believed one of its sizes; the first of a pair is right.
PAIRS = {
    "units of W": [
        Case(
            "GRU", [_x(1, 1, 2), _x(1, 3 * n, 2), _x(1, 3 * n, n)], {"hidden_size": 2, "linear_before_reset": 1}, {1, 2}
        )
        for n in (2, 64)
    ],
    "units of R": [
        Case("LSTM", [_x(1, 1, 2), _x(1, 8, 2), _x(1, rows, 2)], {"hidden_size": 2}, {1, 2}) for rows in (8, 64)
    ],
    "channels": [Case("Conv", [_x(1, 2, 4), _x(3, n, 1)], {}, {1}) for n in (2, 34)],
    "channels of one each": [Case("Conv", [_x(1, 4, 4), _x(4, 1, 1), _x(n)], {"group": 4}, {1, 2}) for n in (4, 2)],
    "channels back": [Case("ConvTranspose", [_x(1, 2, 4), _x(n, 1, 1)], {}, {1}) for n in (2, 34)],
    "depth": [Case("MatMul", [_x(3, 2), _x(n, 4)], {}, {1}) for n in (2, 3)],
    "depth of two": [Case("MatMul", [_x(3, 2), _x(n, 4)], {}) for n in (2, 3)],
    "bias": [Case("Gemm", [_x(3, 2), _x(2, 4), _x(n)], {}, {1, 2}) for n in (4, 5)],
}


@in_one_test("name", PAIRS)
def test_sizes_that_contradict_each_other_are_refused(name: str) -> None:
    """By name of the node, in one line; the same node with sizes that fit is written."""
    right, wrong = PAIRS[name]
    expected = right.expected()
    compiled(right, expected, Weights())
    with pytest.raises(ModelRefused, match=r"^native engine: \w+ 'node': [^\n]*$"):
        compiled(wrong, expected, Weights())


def test_a_scan_is_refused_with_the_form_that_has_none() -> None:
    """A loop over frames has no rule; one frame a call has no loop."""
    with pytest.raises(ModelRefused, match=r"Scan 'loop': no rule for this operator: .*\(--form step\) does without;"):
        Node("Scan", "loop", ("x",), ("y",)).refuse_unknown()
