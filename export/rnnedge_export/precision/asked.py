"""What is asked of the numbers of a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rnnedge_export.precision.apply import PRECISIONS
from rnnedge_export.precision.drift import TOLERANCES, Metric
from rnnedge_runtime.arguments import choice, function, integer, mapping, number
from rnnedge_runtime.errors import ModelRefused

REMEDY = (
    "keep layers wider (an error budget finds which), calibrate with recordings, fine-tune the network for it, or "
    "raise the tolerance"
)


@dataclass(frozen=True)
class Precision:
    """What is asked of the numbers of a file.

    `name`: float32, float16, bf16, int8 or int4; `layers`: another one for some layers by name. `tolerance`: the
    largest error of a streamed frame that is accepted, for outputs of magnitude 1; by default that of the narrowest
    precision in use (`TOLERANCES`). `budget_error`: choose the layers' precisions by measurement so that the file is
    the smallest within this error, none narrower than `name`. `metric(model)` gives a score for each item of a task.
    `longest`: frames of the longest sequence, where every stream is reset before it is longer: an error that grows is
    accepted if it is within the tolerance until then.
    """

    name: str = "float32"
    layers: Mapping[str, str] = field(default_factory=dict)
    tolerance: float | None = None
    budget_error: float | None = None
    metric: Metric | None = None
    longest: int | None = None

    def __post_init__(self) -> None:
        """Raise `ModelRefused` for what does not exist or contradicts itself."""
        layers = mapping(self.layers, "precision: layers", ModelRefused)
        for name in (self.name, *layers.values()):
            choice(name, "precision", PRECISIONS, ModelRefused)
        function(self.metric, "precision: metric", ModelRefused)
        if self.name == "float32" and (self.layers or self.budget_error is not None):
            raise ModelRefused(
                "precision: expected int8 or int4 where layers or an error budget are given, found float32"
            )
        for key in ("tolerance", "budget_error"):
            value = getattr(self, key)
            if value is not None:
                number(value, key, above=0, error=ModelRefused)

        if self.longest is not None:
            integer(self.longest, "precision: longest", 1, error=ModelRefused)

    @property
    def limit(self) -> float:
        """The largest error that is accepted."""
        if self.tolerance is not None:
            return self.tolerance
        if self.budget_error is not None:
            return self.budget_error
        return TOLERANCES[narrowest((self.name, *self.layers.values()))]


def narrowest(precisions: Iterable[str]) -> str:
    """The one with the fewest bits; float32 where there is none."""
    return max(precisions, key=PRECISIONS.index, default="float32")
