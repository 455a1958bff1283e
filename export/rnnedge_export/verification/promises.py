"""What the contract of the final file says, against what was asked for and what the graph was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnedge_export.verification.report import Check
from rnnedge_export.verification.tolerance import SHARE
from rnnedge_runtime.contract import Contract, Normalization


@dataclass(frozen=True)
class Promises:
    """What a contract has to say; made from the options and the captured graph, not from the contract.

    `defaults`: names of contexts, in order, that a stream need not be given.
    `provenance`: what it holds of the source, and what the proof reads from it; None for what has to be missing.
    """

    opset: int
    hop: int
    least: int
    grain: int
    precision: str
    frame_rate_hz: float | None
    labels: tuple[str, ...]
    normalization: Normalization | None
    defaults: tuple[str, ...]
    provenance: Mapping[str, str | None]

    def check(self, contract: Contract) -> Check:
        """Field by field; the first that differs is named."""
        names = [name for name in vars(self) if name not in ("provenance", "defaults")]
        pairs = [(name, getattr(self, name), getattr(contract, name)) for name in names]
        pairs += [("defaults of contexts", self.defaults, _optional(contract))]
        pairs += [
            (f"provenance {name!r}", said, contract.provenance.get(name)) for name, said in self.provenance.items()
        ]
        detail = f"{', '.join(names)}, defaults, provenance"
        for name, expected, found in pairs:
            if expected != found:
                return Check("contract", detail, np.inf, SHARE, place=f"{name}: expected {expected!r}, found {found!r}")
        return Check("contract", detail, 0.0, SHARE)


def _optional(contract: Contract) -> tuple[str, ...]:
    return tuple(sorted(state.input for state in contract.contexts if state.context == "optional"))
