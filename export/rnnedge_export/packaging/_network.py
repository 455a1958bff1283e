"""What a package is made from, and what a kind of package has to know to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rnnedge_runtime.contract import Array, Contract


@dataclass(frozen=True, eq=False)
class Network:
    """A sealed streaming file: its bytes, what it promises, and what the package calls it.

    `apart`: sequences of one call do not disturb each other, as with a frame number that all of them share.
    """

    name: str
    data: bytes
    digest: str
    contract: Contract
    apart: bool = True


@dataclass(frozen=True)
class Proof:
    """`max_error` is relative to the largest value of its output; `engine` is what ran the package.

    `frames`: random ones of the longest sequence.
    """

    engine: str
    frames: int
    max_error: float
    tolerance: float


class Runner(Protocol):
    """One sequence in the engine of a package."""

    def push(self, frames: Mapping[str, Array]) -> Mapping[str, Array]:
        """The outputs of one call of `contract.unit` frames.

        Inputs are (time, ...) each. Of outputs per frame only those frames that belong to the sequence, (time, ...);
        of summaries the latest, (1, ...).
        """

    def reset(self, context: Mapping[str, Array] | None = None) -> None:
        """Begin the next sequence, with these values per sequence, or those of the example."""


class Kind(Protocol):
    """One kind of package; registered in `KINDS`."""

    name: str
    summary: str

    def write(self, network: Network, folder: Path) -> str | None:
        """Write every file into `folder`, which is empty; returns what the user should know, in a sentence."""

    def open(self, network: Network, folder: Path) -> tuple[str, Runner]:
        """What runs the package in `folder`, engine and version, and a sequence in it."""

    def finish(self, network: Network, folder: Path, proof: Proof) -> None:
        """What is left to do once the package is proven."""
