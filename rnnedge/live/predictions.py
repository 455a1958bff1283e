"""Outputs as rows: the time and number of the frame, and the best label with its score, or all values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from rnnedge.live.session import Outputs
from rnnedge_runtime.contract import Contract
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.scores import Scores


class PredictionRows:
    """Writes outputs of one model as rows; `values` gives all values even if there are labels.

    Values of labels are probabilities where the file says how, see `rnnedge_runtime.scores`; `logits` leaves them.
    """

    def __init__(self, contract: Contract, values: bool = False, logits: bool = False) -> None:
        self._scores = Scores(contract, logits)
        self._labels, self._values = contract.labels, values
        self._shown = {port.name for port in contract.results}
        self._several = len(self._shown) > 1

    def rows(self, outputs: Sequence[Outputs]) -> Iterator[dict[str, Any]]:
        """A row a frame; `time_s` is when the frame was taken, `frame` its number at the source."""
        for one in outputs:
            if one.name not in self._shown:
                continue
            values = self._scores.of(one.name, one.values)
            for frame, time_s, value in zip(one.frames.tolist(), one.times_s.tolist(), values, strict=True):
                row: dict[str, Any] = {"time_s": round(time_s, 6), "frame": frame}
                if self._several:
                    row["output"] = one.name
                labelled = bool(self._labels) and value.ndim == 1 and len(value) == len(self._labels)
                if labelled:
                    best = int(value.argmax())
                    row |= {"label": self._labels[best], "score": short(value[best])}
                if self._values or not labelled:
                    row["values"] = [short(v) for v in value.reshape(-1)]
                yield row


def check_table(contract: Contract, values: bool) -> None:
    """Raise `InputError` if the rows of `PredictionRows` have other columns for one output than for another."""
    sizes = {port.name: prod(map(int, port.frame_shape)) for port in contract.results}
    labelled = {port.name for port in contract.results if port.frame_shape == (len(contract.labels),)}
    kinds = {(name in labelled, size if values or name not in labelled else 0) for name, size in sizes.items()}
    if len(kinds) > 1:
        names = ", ".join(sizes)
        raise InputError(
            f"a CSV table has one kind of row, the model has outputs of several ({names}); write .jsonl instead"
        )


def short(value: Any) -> float:
    """Seven significant digits: what float32 carries."""
    return float(f"{float(value):.7g}")
