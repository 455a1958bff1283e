"""What a network is; its weights are what it learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rnnedge.nn._attention import Attention
from rnnedge.nn._connections import CONNECTIONS
from rnnedge.nn._front_ends import FrontEnd
from rnnedge.nn._initialization import INITIALIZATIONS
from rnnedge.nn.cells import CELLS
from rnnedge.options import Among, Between, Uniform, check, option
from rnnedge_runtime.errors import InputError

OUTPUTS = ("frames", "last")


@dataclass(frozen=True)
class NetworkConfig:
    """Front end, recurrent stack, head.

    `cell`: one of `CELLS`. `input_size`: features of a frame; where `tokens` is set, frames are integers below it, and
    `input_size` numbers stand for each. `output_size`: outputs per frame. `dropout`: probability between layers and
    before the head, in training. `layer_norm`: after every layer. `output`: "frames" for one output per frame, "last"
    for one per sequence, from its last frame. `mean`, `std`: statistics of the raw features; the network itself
    computes (x - mean) / std.

    `front_end`: what stands before the first recurrent layer, see `rnnedge.nn._front_ends`.
    `init`: one of `rnnedge.nn._initialization`, with `memory_frames` for "chrono".
    `projection`, `peepholes`, `cell_layer_norm`: of the LSTM, see `rnnedge.nn.lstm`.
    `connection`: around every recurrent layer, one of `rnnedge.nn._connections`. `attention`: over the last frames of
    the last layer, see `rnnedge.nn._attention`; None for none.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    cell: str = option(one_of=CELLS)
    input_size: int = option(least=1)
    hidden_size: int = option(least=1, search=Among((16, 32, 64, 128, 256)))
    output_size: int = option(least=1)
    num_layers: int = option(1, least=1, search=Between(1, 2))
    dropout: float = option(0.0, least=0, below=1, search=Uniform(0.0, 0.5))
    layer_norm: bool = False
    output: str = option("frames", one_of=OUTPUTS)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    tokens: int = option(0, least=0)
    front_end: tuple[FrontEnd, ...] = ()
    init: str = option("torch", one_of=INITIALIZATIONS)
    memory_frames: int = option(0, least=0)
    projection: int = option(0, least=0)
    peepholes: bool = False
    cell_layer_norm: bool = False
    connection: str = option("plain", one_of=CONNECTIONS)
    attention: Attention | None = None

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)
        self._check_statistics()
        for name in ("projection", "peepholes", "cell_layer_norm"):
            if getattr(self, name) and self.cell != "lstm":
                raise InputError(f"{name}: expected the cell lstm, found {self.cell!r}")
        if self.projection >= self.hidden_size:
            raise InputError(
                f"projection: expected less than hidden_size ({self.hidden_size}), found {self.projection}"
            )
        if (self.init == "chrono") != (self.memory_frames > 1):
            raise InputError(
                f"memory_frames: expected more than 1 frame with init chrono, 0 without, found {self.memory_frames}"
            )

        if self.attention and self.layer_size % self.attention.heads:
            raise InputError(
                f"attention: expected heads that divide {self.layer_size} features, found {self.attention.heads}"
            )

    def _check_statistics(self) -> None:
        if self.tokens and self.mean:
            raise InputError("mean: expected none for tokens")
        for name in ("mean", "std"):
            if getattr(self, name) and len(getattr(self, name)) != self.input_size:
                raise InputError(f"{name}: expected {self.input_size} values, found {len(getattr(self, name))}")
        if any(value <= 0 for value in self.std):
            raise InputError("std: expected positive values")

    @property
    def layer_size(self) -> int:
        """Outputs per frame of a recurrent layer."""
        return self.projection or self.hidden_size
