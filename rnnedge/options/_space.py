"""What a search may try for an option."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import optuna


class Space(Protocol):
    """Draws a value for the option `name` of a trial."""

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """The value that the sampler of the trial chooses."""
        ...


@dataclass(frozen=True)
class Logarithmic:
    """Numbers from `low` to `high`, as many below the geometric mean as above."""

    low: float
    high: float

    def draw(self, trial: optuna.Trial, name: str) -> float:
        """A float."""
        return trial.suggest_float(name, self.low, self.high, log=True)


@dataclass(frozen=True)
class Uniform:
    """Numbers from `low` to `high`."""

    low: float
    high: float

    def draw(self, trial: optuna.Trial, name: str) -> float:
        """A float."""
        return trial.suggest_float(name, self.low, self.high)


@dataclass(frozen=True)
class Between:
    """Whole numbers from `low` to `high`, both among them."""

    low: int
    high: int

    def draw(self, trial: optuna.Trial, name: str) -> int:
        """An int."""
        return trial.suggest_int(name, self.low, self.high)


@dataclass(frozen=True)
class Among:
    """One of a few values."""

    values: tuple[Any, ...]

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """One of them."""
        return trial.suggest_categorical(name, self.values)
