"""What there is to learn, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rnnedge.training import SequenceData
from rnnedge.training.splits import Splits
from rnnedge.training.trainer import Augment


@dataclass(frozen=True)
class Task:
    """Data from an installed package, or made by an equation.

    `summary`: one line for `--help`. `load` may have options, whole numbers with a default, which a recipe sets.
    `augment`: how training sequences are changed while a network learns, made from them; how it learns stands in
    `recipes/NAME.toml`.
    """

    name: str
    summary: str
    load: Callable[..., Splits]
    augment: Callable[[SequenceData], Augment] | None = None
