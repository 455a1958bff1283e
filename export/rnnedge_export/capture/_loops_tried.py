"""What becomes of a module's loops over time, and of the recurrences that it computes without one, each tried once."""

from __future__ import annotations

import torch

from rnnedge_export.capture._rolled_loops import with_rolled_loops
from rnnedge_export.capture.example import Example
from rnnedge_export.capture.loops import NoFrames, NotALoop
from rnnedge_runtime.errors import RnnEdgeError


class Loops:
    """The graph with Python loops over time rolled back, made once if it can be; else `reason` says why it cannot."""

    def __init__(
        self, module: torch.nn.Module, x: tuple[torch.Tensor, ...], example: Example, step: int, grain: int
    ) -> None:
        """`step`: the frames of an iteration, 0 if no loop is seen; `grain`: lengths are multiples of it."""
        self._given = module, x, example
        self.step, self.grain = step, grain
        self.reason: NotALoop | None = None
        self.made: torch.export.ExportedProgram | None = None
        self.found: torch.export.ExportedProgram | None = None

    def rolled(self, *, exporting: bool = True) -> tuple[torch.export.ExportedProgram, int] | None:
        """With the number of which its lengths are multiples.

        `exporting`: whether `rnnedge.nn.time_loop` is an operator, or a Python loop too.
        """
        if self.reason is None or (not exporting and isinstance(self.reason, NoFrames)):
            for step in sorted({self.grain, max(self.grain, self.step)}):
                try:
                    made = with_rolled_loops(*self._given, exporting=exporting, step=step, grain=self.grain)
                    self.made = made[0]
                    return made
                except NotALoop as reason:
                    self.reason = reason
        return None

    @property
    def seen(self) -> bool:
        """Whether a loop is there that cannot be rolled: the reason, and what else takes long would find nothing."""
        return self.step > 0 and self.reason is not None and not isinstance(self.reason, NoFrames)

    def any(self) -> tuple[torch.export.ExportedProgram, int] | None:
        """Loops that are written, or recurrences that are not."""
        return self.rolled() or self.rolled(exporting=False) or (None if self.seen else self.recurrent())

    def recurrent(self) -> tuple[torch.export.ExportedProgram, int] | None:
        """With recurrences that are computed without a loop, such as by a parallel scan, as loops."""
        try:
            found = with_rolled_loops(*self._given, exporting=True, written=False, step=self.grain, grain=self.grain)
            self.found = found[0]
            return found
        except (NotALoop, RnnEdgeError):
            return None
