"""How well a network does, in the units of its users: torchmetrics, by name.

| name            | of                                             | better  |
|-----------------|------------------------------------------------|---------|
| `accuracy`      | classes: share decided right                   | larger  |
| `f1`            | classes: mean over classes of their F1 score   | larger  |
| `mae`           | values: mean absolute error                    | smaller |
| `rmse`          | values: root of the mean squared error         | smaller |
| `r2`            | values: share of the variance explained        | larger  |
| `edit_distance` | sequences of labels (CTC): edits per label     | smaller |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rnnedge.training._config import TrainerConfig
from rnnedge.training._tbptt import Window
from rnnedge.training.losses import prediction
from rnnedge_runtime.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from torchmetrics import MetricCollection

Confusion = tuple[tuple[int, ...], ...]
# Classes of a confusion matrix, which somebody is to read.
_MOST_CONFUSED = 256
_CLASSES = ("accuracy", "f1")
_VALUES = ("mae", "rmse", "r2")
_LABELS = ("edit_distance",)
# The letter of class 0 where a sequence of classes is compared as a text.
_LETTER = 0x4E00


def names_for(config: TrainerConfig) -> tuple[str, ...]:
    """The names that fit the loss of `config`, the usual one first.

    Raises `InputError` where `config.metrics` names another.
    """
    fitting = {"cross_entropy": _CLASSES, "ctc": _LABELS}.get(config.loss, _VALUES)
    for name in config.metrics:
        if name not in fitting:
            raise InputError(
                f"metrics: expected some of {', '.join(fitting)} for the loss {config.loss}, found {name!r}"
            )
    return config.metrics or fitting[:1]


class Metrics:
    """The metrics of one pass over some data; made again for every pass."""

    def __init__(self, config: TrainerConfig, outputs: int) -> None:
        """For a network of `outputs` outputs per frame."""
        self._config = config
        self._classes = outputs if config.loss == "cross_entropy" and outputs <= _MOST_CONFUSED else 0
        self._pairs = torch.zeros(self._classes**2, dtype=torch.int64)
        self._collection = _collection(names_for(config), outputs)

    def update(self, y: Tensor, window: Window) -> None:
        """What `Objective.outputs` gave for `window`, of which only the decided frames count."""
        if self._config.loss == "ctc":
            self._collection.update(*_texts(y, window))
            return
        decided = window.decided[window.judged]
        if bool(decided.any()):
            found = prediction(y, self._config)[decided]
            target = window.y[window.judged][decided]
            if self._config.loss == "cross_entropy":
                self._collection.update(found, target)
                pairs = (target.long() * self._classes + found.argmax(-1)).cpu()
                self._pairs += torch.bincount(pairs, minlength=self._classes**2)
            else:
                self._collection.update(found.reshape(-1), target.reshape(-1).to(found.dtype))

    def confusion(self) -> Confusion:
        """How often each class, a row, was decided to be each; empty for losses without classes."""
        return tuple(map(tuple, self._pairs.reshape(self._classes, -1).tolist())) if self._classes else ()

    def compute(self) -> dict[str, float]:
        """Every metric by name; none where nothing was decided."""
        if not any(metric._update_count for metric in self._collection.values()):
            return {}
        return {name: float(value) for name, value in self._collection.compute().items()}


def _collection(names: tuple[str, ...], outputs: int) -> MetricCollection:
    try:
        import torchmetrics
        from torchmetrics.text import EditDistance
    except ImportError as error:
        raise MissingExtra("training needs torchmetrics; install 'rnnedge[train]'") from error
    # A network of one class decides right always; the metric wants two to choose from.
    classes = max(outputs, 2)
    made: dict[str, Any] = {
        "accuracy": lambda: torchmetrics.classification.MulticlassAccuracy(classes, average="micro"),
        "f1": lambda: torchmetrics.classification.MulticlassF1Score(classes, average="macro"),
        "mae": torchmetrics.MeanAbsoluteError,
        "rmse": lambda: torchmetrics.MeanSquaredError(squared=False),
        "r2": torchmetrics.R2Score,
        "edit_distance": EditDistance,
    }
    return torchmetrics.MetricCollection({name: made[name]() for name in names}, compute_groups=False)


def _texts(y: Tensor, window: Window) -> tuple[list[str], list[str]]:
    """Greedily decoded rows, and what they should be: repetitions are one label, blanks none."""
    found, expected = [], []
    for scores, real, target in zip(y, window.real, window.y, strict=True):
        if bool(real.any()):
            best = scores[real].argmax(-1).unique_consecutive()
            found.append("".join(chr(_LETTER + int(b) - 1) for b in best if b > 0))
            expected.append("".join(chr(_LETTER + int(t)) for t in target if t >= 0))
    return found, expected
