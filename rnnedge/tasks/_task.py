"""What there is to learn, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from rnnedge.files.config_tables import config_from
from rnnedge.training import SequenceData
from rnnedge.training._trainer import Augment
from rnnedge.training.splits import Splits


@dataclass(frozen=True)
class NoOptions:
    """Of data that is as it is."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Task:
    """Data from an installed package, or made by an equation.

    `summary`: one line for `--help`. `load` takes `options`, a frozen dataclass of what a recipe may set.
    `augment`: how training sequences are changed while a network learns, made from them; how it learns stands in
    `recipes/NAME.toml`.
    """

    name: str
    summary: str
    load: Callable[[Any], Splits]
    augment: Callable[[SequenceData], Augment] | None = None
    options: type[Any] = NoOptions

    def read_options(self, table: Mapping[str, Any], place: str) -> Any:
        """The options in a table of a recipe; raises `InputError`, beginning with `place`, for one that is wrong."""
        return config_from(self.options, table, place)

    def read(self, table: Mapping[str, Any], place: str = "task") -> Splits:
        """The data, with the options in `table`. Raises what `read_options` and `load` raise."""
        return self.load(self.read_options(table, place))
