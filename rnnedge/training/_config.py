"""How a network learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rnnedge.options import Logarithmic, check, option
from rnnedge.training.quantization import PRECISIONS
from rnnedge_runtime.errors import InputError

LOSSES = ("cross_entropy", "mse", "mae", "quantile", "nll", "ctc")
OPTIMIZERS = ("gradient_descent", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "one_cycle", "cosine", "linear")


@dataclass(frozen=True)
class TrainerConfig:
    """How a network learns.

    `loss`: one of `LOSSES`; `quantiles` are those of the loss "quantile". `label_smoothing`: share of the target given
    to the other classes. `first_frame`: frames before it are not judged, they have seen too little.

    `optimizer`: one of `OPTIMIZERS`, `momentum` for those that have one; "gradient_descent" takes all sequences in
    every step. `epochs` and `batch_size`: 0 for as many as suit the training data, see `rnnedge.training._defaults`.
    `learning_rate` is the peak of `schedule`, one of `SCHEDULES`. `weight_decay` is for matrices only.
    `clip_norm` bounds the gradient's norm. `patience`: epochs without a better validation loss after which training
    ends; 0 for never.

    `k1`, `k2`: truncated back-propagation through time (Williams & Peng, "An efficient gradient-based algorithm for
    on-line training of recurrent network trajectories", 1990): an update every `k1` frames, whose gradient reaches `k2`
    frames back, a multiple of `k1` (0 stands for `k1`). The state is carried on. k1 = 1 is an update per time step;
    k1 = 0 takes whole sequences.
    `bucketing`: as many batches are drawn together and sorted by length, so that little of a batch is padding; 1 for
    batches as they are drawn, which may learn better where the length says something about the target.
    `stateful`: `batch_size` lanes side by side, each through one sequence after the other, see
    `rnnedge.training._stateful_batches`; else batches of `batch_size` sequences.

    `mixed_precision`: products in bfloat16 while training, weights and sums in float32. `compile`: by `torch.compile`.
    `device`: where torch trains, "cpu", "cuda", "cuda:1".
    `seed` decides the order of the sequences and the noise of `augment`.
    `precision`: "float32", or the grid, "int8" or "int4", that weights are rounded to whenever the network is used, in
    training and in evaluation; the weights themselves stay float32.
    `prune`: the share of groups of weights that is zero whenever the network is used, see `rnnedge.training.pruning`.
    `metrics`: names of `rnnedge.training.metrics`; without any, what suits the loss.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    loss: str = option("cross_entropy", one_of=LOSSES)
    epochs: int = option(0, least=0)
    batch_size: int = option(0, least=0)
    learning_rate: float = option(1e-2, above=0, search=Logarithmic(1e-4, 3e-2))
    weight_decay: float = option(0.0, least=0, search=Logarithmic(1e-6, 1e-2))
    label_smoothing: float = option(0.0, least=0)
    first_frame: int = option(0, least=0)
    clip_norm: float = option(1.0, above=0)
    seed: int = 0
    precision: str = option("float32", one_of=("float32", *PRECISIONS))
    prune: float = option(0.0, least=0, below=1)
    quantiles: tuple[float, ...] = ()
    optimizer: str = option("adam", one_of=OPTIMIZERS)
    momentum: float = option(0.9, least=0)
    schedule: str = option("one_cycle", one_of=SCHEDULES)
    patience: int = option(0, least=0)
    k1: int = option(0, least=0)
    k2: int = option(0, least=0)
    bucketing: int = option(8, above=0)
    stateful: bool = False
    mixed_precision: bool = False
    compile: bool = False
    device: str = "cpu"
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise `InputError` naming the first field that is out of range."""
        check(self)
        if self.k2 and (not self.k1 or self.k2 % self.k1):
            raise InputError(f"k2: expected a multiple of k1 ({self.k1}), found {self.k2}")
        if self.stateful and not self.k1:
            raise InputError("k1: expected the frames between two updates of a stateful training, found 0")
        if self.loss == "ctc" and self.k1:
            raise InputError("k1: expected 0, the loss ctc judges whole sequences")
        if (self.loss == "quantile") != bool(self.quantiles) or any(not 0 < q < 1 for q in self.quantiles):
            raise InputError(f"quantiles: expected numbers in (0, 1) for the loss quantile, found {self.quantiles}")
        if self.prune and self.precision != "float32":
            raise InputError(f"prune: expected 0 where weights are rounded, found {self.prune}; prune or quantize")
        if self.prune and self.compile:
            raise InputError("compile: expected false where weights are pruned")
        if self.precision != "float32" and self.compile:
            raise InputError("compile: expected false where weights are rounded")

    @property
    def windows_back(self) -> int:
        """How many windows of `k1` frames an update's gradient goes through."""
        return self.k2 // self.k1 if self.k2 else 1
