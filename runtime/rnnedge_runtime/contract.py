"""What a file promises: the frozen description that stands in the file and is checked against its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np

from rnnedge_runtime.arguments import integer
from rnnedge_runtime.clock import EVERY_FRAME, Clock

SCHEMA = 1
CONTEXTS = ("required", "optional")
FORMS = ("native", "scan", "unrolled", "step")
# Those that take any number of frames in a call; the others take as many as `chunk` says.
OPEN_FORMS = ("native", "scan")
BATCH = "batch"
TIME = "time"
_PIECE, _PIECE_OF_ATTENTION, _PIECE_UNITS = 1024, 256, 64

Array = np.ndarray[Any, np.dtype[Any]]
Dim = int | str


@dataclass(frozen=True)
class Port:
    """One input or output of the graph.

    `shape` is the graph's own axis order, with the dims "batch" and "time" symbolic. `time_axis` is None where the
    graph has no time axis: in the step form every per-frame port, in any form a summary.
    `per_frame` is False for a summary: one value for the sequence so far, such as `y[:, -1]` or a last state.
    `clock` says when its frames come; a summary has the clock of the frames that it sums up.
    `range`: the least and the largest number that an input of whole numbers takes; None: any, or not known.
    """

    name: str
    dtype: str
    shape: tuple[Dim, ...]
    batch_axis: int
    time_axis: int | None
    per_frame: bool = True
    clock: Clock = EVERY_FRAME
    range: tuple[int, int] | None = None

    @cached_property
    def frame_shape(self) -> tuple[Dim, ...]:
        """Shape of one frame of one sequence: `shape` without batch and time."""
        return tuple(d for i, d in enumerate(self.shape) if i not in (self.batch_axis, self.time_axis))


@dataclass(frozen=True, eq=False)
class State:
    """One state: read from `input`, written to `output`, both of `shape` (graph axis order).

    `initial` is the value before the first frame: a fill value, or an array of `shape` with batch 1 that every
    sequence of a batch starts from. It is held for the first `warmup` calls of the least length, in front of frame 0.
    `context`: "" for what the network carries along time. Else it is a value per sequence that the caller gives, such
    as a speaker, which the graph hands on as it is: "required" if every stream has to be given one, "optional" if
    `initial` stands for it; of a required one that is the value of the example. `range`: as of a `Port`.
    """

    input: str
    output: str
    dtype: str
    shape: tuple[Dim, ...]
    batch_axis: int
    initial: float | Array = 0.0
    warmup: int = 0
    context: str = ""
    range: tuple[int, int] | None = None

    @cached_property
    def row_shape(self) -> tuple[Dim, ...]:
        """Shape of the state of one sequence: `shape` without batch."""
        return tuple(d for i, d in enumerate(self.shape) if i != self.batch_axis)


@dataclass(frozen=True)
class Cursor:
    """An input of the graph that only the runtime knows: where the sequence ends.

    "last": int64 scalar, the index within the call of the last frame of the sequence, or of the call before the end.
    "mask": bool (frames,), true for the frames from 0 up to the end of the sequence.
    """

    name: str
    kind: str
    clock: Clock


@dataclass(frozen=True)
class Tap:
    """An output that shows an inner value of a recurrence, for whoever wants to see inside; asked for at export.

    `output`: the name of the port. `layer`: the recurrence, as the states and precisions of the file call it.
    `cell`: "RNN", "GRU", "LSTM", or "Scan" for one written by hand. `kind`: "state" or "gate". `value`: which of them,
    such as "hidden", "cell", "update_gate".
    """

    output: str
    layer: str
    cell: str
    kind: str
    value: str


@dataclass(frozen=True)
class Normalization:
    """The statistics (x - mean) / std that the graph itself applies to its raw input features."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def int16_pcm(self) -> bool:
        """Whether the network takes 16-bit samples as they are, -32768 to 32767, and scales them itself."""
        return bool(self.std) and not any(self.mean) and all(std == INT16_STEPS for std in self.std)


INT16_PCM = "int16 PCM"
"""What `export` takes for the normalization of a network whose input are 16-bit samples as they are."""
INT16_STEPS = 32768
"""Steps of 16-bit PCM from 0 to 1."""


@dataclass(frozen=True, eq=False)
class Golden:
    """A short recorded run of one sequence: what `push` of all frames and then `finish` return, stacked along time.

    `inputs[name]` (time, ...); `outputs[name]` (time, ...) or, for a summary, (1, ...).
    """

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]
    tolerance: float = 1e-5


@dataclass(frozen=True, eq=False)
class Contract:
    """Everything a streaming runtime has to know about a file.

    `chunk` is the number of frames a call takes: None for any multiple of `hop`, else exactly that many.
    The source module takes sequences of `least` frames, and of multiples of `grain` more.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    states: tuple[State, ...]
    form: str
    opset: int
    precision: str = "float32"
    chunk: int | None = None
    hop: int = 1
    grain: int = 1
    least: int = 1
    cursors: tuple[Cursor, ...] = ()
    frame_rate_hz: float | None = None
    labels: tuple[str, ...] = ()
    normalization: Normalization | None = None
    provenance: Mapping[str, str] = field(default_factory=dict)
    golden: Golden | None = None
    taps: tuple[Tap, ...] = ()

    def __repr__(self) -> str:
        """One line: inputs, outputs, states, form and precision."""
        from rnnedge_runtime.describe import counted, in_a_line

        kind = f"{counted(len(self.states), 'state')}, {self.form} {self.precision}"
        return f"<rnnedge Contract: {in_a_line(self)}; {kind}>"

    def _repr_html_(self) -> str:
        """Tables for a notebook."""
        from rnnedge_runtime.describe import html

        return html("Contract", self)

    @cached_property
    def ranged(self) -> tuple[Port, ...]:
        """Inputs that do not take every number."""
        return tuple(port for port in self.inputs if port.range is not None)

    @property
    def unit(self) -> int:
        """The least number of frames a call takes."""
        return self.chunk or self.hop

    @property
    def piece(self) -> int:
        """Frames of a call at which a long recording is scored fastest, as measured on eight kinds of network.

        Enough for a recurrent kernel's full throughput, few enough that intermediate values stay in the tens of
        megabytes. Fewer where the source has attention, whose cost grows with the square of them.
        """
        least = _PIECE_OF_ATTENTION if "chained_frames" in self.provenance else _PIECE
        return max(least // self.unit, _PIECE_UNITS) * self.unit

    @property
    def batch(self) -> int | None:
        """How many sequences advance together; None where that is up to the caller."""
        port = self.inputs[0]
        size = port.shape[port.batch_axis]
        return size if isinstance(size, int) else None

    @property
    def stride(self) -> Fraction:
        """Input frames per frame of the first output."""
        return 1 / self.outputs[0].clock.rate

    @property
    def lookahead(self) -> int:
        """How many further input frames an output frame waits for, at most."""
        return max(port.clock.lookahead for port in self.outputs)

    @property
    def warmup(self) -> int:
        """Calls of the least length after which no frame stands before frame 0 any more."""
        clocks = [*(port.clock for port in self.outputs), *(cursor.clock for cursor in self.cursors)]
        return max(*(-(-c.delay // c.frames(self.unit)) for c in clocks), *(state.warmup for state in self.states), 0)

    def whole_length(self, frames: int) -> int:
        """The frames pushed, and as many more as the source module needs to take them as one sequence."""
        frames = integer(frames, "whole_length: frames", 0)
        return max(frames, self.least) + -(frames - self.least) % self.grain if self.grain > 1 else frames

    def complete_after(self, fed: int, total: int) -> int:
        """Input frames after which every output of `total` is complete: the `fed` ones and whole calls beyond."""
        fed, total = integer(fed, "complete_after: fed", 0), integer(total, "complete_after: total", 0)
        needed = max(ceil((p.clock.valid(total) + p.clock.delay) / p.clock.rate) for p in self.outputs)
        return fed + max(0, -(-(needed - fed) // self.unit)) * self.unit

    @property
    def contexts(self) -> tuple[State, ...]:
        """Values per sequence that a stream is given: those of the states that the network does not change."""
        return tuple(state for state in self.states if state.context)

    @property
    def results(self) -> tuple[Port, ...]:
        """Outputs that the network gives by itself, without the taps."""
        taps = {tap.output for tap in self.taps}
        return tuple(port for port in self.outputs if port.name not in taps)

    @property
    def summaries(self) -> tuple[Port, ...]:
        """Outputs that describe the sequence so far rather than a frame of it."""
        return tuple(port for port in self.outputs if not port.per_frame)
