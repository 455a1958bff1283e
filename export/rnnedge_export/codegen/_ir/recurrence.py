"""One direction of an RNN, GRU or LSTM node."""

from __future__ import annotations

from dataclasses import dataclass

from rnnedge_export.codegen._ir.gemm import Gemm
from rnnedge_export.codegen._ir.statements import Checked
from rnnedge_export.codegen._ir.tensors import Buffer, Span, all_of

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


@dataclass(frozen=True, eq=False)
class Recurrence(Checked):
    """`project` of every frame t, then frame by frame `advance` of the hidden states, and the equations of the cell.

    `advance` reads the pointer h, and of RNN and LSTM starts from the pointer x: the states and the projections of the
    frame. `hidden_at` and `cell_at` are where the first states stand; cells are written there. Results stand in
    `result` (frames, directions, batch, hidden), those of this one at `direction`.

    `clip` bounds what goes into activations, infinity: nothing. `peepholes` are the weights (3, hidden) of an LSTM's
    cells. A GRU whose reset comes before the product has `candidate`, the product of `reset`: the states times
    their reset gate.
    """

    cell: str
    activation: str
    backward: bool
    frames: int
    batch: int
    hidden: int
    directions: int
    direction: int
    project: Gemm
    projected: Buffer
    advance: Gemm
    gates: Buffer
    hidden_at: tuple[Buffer, int]
    cell_at: tuple[Buffer, int] | None
    result: Buffer
    clip: float = float("inf")
    peepholes: Buffer | None = None
    candidate: Gemm | None = None
    reset: Buffer | None = None

    @property
    def plain(self) -> bool:
        """Whether the cell is as most networks have it."""
        return self.clip == float("inf") and self.peepholes is None and self.candidate is None

    @property
    def width(self) -> int:
        """Numbers of all gates of a sequence."""
        return GATES[self.cell] * self.hidden

    def touched(self) -> tuple[Span, ...]:
        """All that it reads and writes."""
        numbers, width = self.batch * self.hidden, self.batch * self.width
        rows, panel = self.frames * self.batch, self.advance.matrix.panels * self.advance.matrix.width
        states = [self.hidden_at, *([self.cell_at] if self.cell_at else [])]
        results = ((self.frames, self.directions * numbers), (numbers, 1))
        further = [span for one in (self.candidate,) if one for span in one.touched()]
        further += [all_of(buffer) for buffer in (self.peepholes, self.reset) if buffer]
        return (
            *further,
            *self.project.touched(),
            *self.advance.touched(),
            all_of(self.gates),
            Span(self.projected, 0, ((self.frames, width), (width, 1))),
            # `advance` starts from whole panels of them.
            *([Span(self.projected, 0, ((rows, self.width), (panel, 1)), beyond=True)] if self.cell != "GRU" else []),
            *(Span(buffer, first, ((numbers, 1),)) for buffer, first in states),
            Span(self.result, self.direction * numbers, results),
        )
