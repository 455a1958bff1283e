"""What a network did with one sequence: its input, its outputs, and every inner value that could be seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from rnnedge_runtime.contract import Array


@dataclass(frozen=True, eq=False)
class Layer:
    """One recurrence over the sequence. Every array is float32 (time, unit), counted from frame 0.

    `cell`: "RNN", "GRU", "LSTM", ..., the name that `gates.CELLS` knows it by; any other where it does not.
    `states`: values after the frame, "hidden", and "cell" of an LSTM. `gates`: values within the frame, by name.
    """

    name: str
    cell: str
    states: Mapping[str, Array]
    gates: Mapping[str, Array] = field(default_factory=dict)

    @property
    def hidden(self) -> Array:
        """The state that the next layer reads; where it is not shown, the first value that is."""
        return self.states["hidden"] if "hidden" in self.states else next(iter({**self.states, **self.gates}.values()))

    @property
    def units(self) -> int:
        """How many units the layer has."""
        return int(self.hidden.shape[1])


@dataclass(frozen=True, eq=False)
class Recording:
    """`frames` (time, feature); `outputs[name]` (time, value), or (1, value) for one that sums up the sequence.

    `scores`: what makes probabilities of the values of labels, see `rnnedge_runtime.scores`. `features`: the name of
    each feature, or none.
    """

    source: str
    frames: Array
    outputs: Mapping[str, Array]
    layers: tuple[Layer, ...]
    labels: tuple[str, ...] = ()
    frame_rate_hz: float | None = None
    scores: str = "raw"
    features: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Frames of the sequence."""
        return len(self.frames)

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Everything by name, as it goes into an NPZ file: input, output.y, LAYER.hidden, LAYER.update_gate."""
        yield "input", self.frames
        for name, array in self.outputs.items():
            yield f"output.{name}", array
        for layer in self.layers:
            for name, array in (*layer.states.items(), *layer.gates.items()):
                yield f"{layer.name}.{name}", array
