"""What the project promises of the table, and where the table shows others ahead: judged from the record alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.peers.record import Cell, Record
from bench.peers.roster import (
    BARE,
    COMPILED,
    EAGER,
    EAGER_CELL,
    EXECUTORCH,
    LITERT,
    LITERT_VARIABLES,
    NUMPY,
    OPENVINO,
    PLAIN,
    TORCHSCRIPT,
    TRACT,
    roster,
)

RIVALS = (EAGER, EAGER_CELL, TORCHSCRIPT, COMPILED, PLAIN, OPENVINO, TRACT)
_OVER_BARE = 1.10
_INT8_GAIN, _INT8_FROM = 4.0, 512
_INTEGER_PRODUCTS = ("vnni", "amx_int8", "asimddp", "i8mm")

_LITERT = (
    "its program is a flat list of kernels, planned in advance, and a call into it costs a fraction of one into a "
    "session of onnxruntime; its graph is written by hand for this layer, and it checks nothing"
)

# Why, where somebody is ahead. Each says what that contender does not have to do.
REASONS = {
    BARE: "its graph is the operator alone, where a file of rnnedge has one more, which takes an axis off the output, "
    "and it neither checks the frame for NaN nor guards against a second owner",
    EXECUTORCH: "its program is a flat list of kernels, planned in advance, and a call into it costs less than one "
    "into a session of onnxruntime; at sizes where the products decide, its matrix kernels are faster",
    LITERT: _LITERT,
    LITERT_VARIABLES: _LITERT,
    NUMPY: "in a cell this small the call into a runtime is most of the time, and numpy makes none; it checks nothing",
    OPENVINO: "its recurrent kernel is faster than onnxruntime's at this size",
    TRACT: "its kernels are faster than onnxruntime's at this size",
}
# Medians of two runs differ by 2 % as a rule, and by more on a busy machine.
_NOISE = 1.03
_OTHERWISE = "its call costs less than ours, or its kernels are faster at this size"


@dataclass(frozen=True)
class Claim:
    """A promise, what was found, and whether it is kept. None where nobody was there to compare with."""

    promise: str
    found: str
    kept: bool | None


@dataclass(frozen=True)
class Ahead:
    """A contender of equal precision that beats the best of ours in one cell."""

    cell: str
    contender: str
    theirs_us: float
    ours_us: float


def claims(record: Record) -> list[Claim]:
    """Every promise beside what the record says."""
    found = [_ahead_of(record, rival) for rival in RIVALS]
    return [*found, _close_to_bare(record), *_small_and_fast(record)]


def ahead(record: Record) -> list[Ahead]:
    """Whoever is ahead of the best of ours in float32, cell by cell."""
    peers = [contender.name for contender in roster() if not contender.ours and contender.precision == "float32"]
    return [
        Ahead(cell.case.title, peer, theirs, ours)
        for peer in peers
        for cell, theirs, ours in _both(record, peer)
        if theirs < ours
    ]


def why(contender: str, lead: float) -> str:
    """What is known about the reason of a contender that is ahead `lead` times."""
    if lead < _NOISE:
        return "two runs of the same differ as much as that"
    return REASONS.get(contender, _OTHERWISE)


def _both(record: Record, peer: str) -> Iterator[tuple[Cell, float, float]]:
    """Cells where both have a median: the peer's, and the best of ours."""
    for cell in record.cells:
        best, theirs = cell.best_of_ours(), cell.p50(peer)
        if best is not None and best.p50_us is not None and theirs is not None:
            yield cell, theirs, best.p50_us


def _ahead_of(record: Record, rival: str) -> Claim:
    promise = f"ahead of {rival} in every cell"
    ratios = [(theirs / ours, cell.case.title) for cell, theirs, ours in _both(record, rival)]
    if not ratios:
        return Claim(promise, "it did not take part", None)
    won = sum(ratio > 1 for ratio, _ in ratios)
    least, where = min(ratios)
    return Claim(promise, f"in {won} of {len(ratios)}; least {least:.2f} times at {where}", won == len(ratios))


def _close_to_bare(record: Record) -> Claim:
    promise = f"within {_OVER_BARE - 1:.0%} of {BARE} in every cell"
    ratios = [(ours / theirs, cell.case.title) for cell, theirs, ours in _both(record, BARE)]
    if not ratios:
        return Claim(promise, "it did not take part", None)
    close = sum(ratio <= _OVER_BARE for ratio, _ in ratios)
    most, where = max(ratios)
    return Claim(promise, f"in {close} of {len(ratios)}; most {most:.2f} times at {where}", close == len(ratios))


def _small_and_fast(record: Record) -> Iterator[Claim]:
    for cell in record.cells:
        if cell.case.hidden_size < _INT8_FROM:
            continue
        promise = f"int8 at least {_INT8_GAIN:g} times as fast as {PLAIN}, {cell.case.title}"
        best, plain = cell.best_of_ours("int8"), cell.p50(PLAIN)
        if best is None or best.p50_us is None or plain is None:
            yield Claim(promise, "not measured", None)
        else:
            gain = plain / best.p50_us
            told = f"{gain:.2f} times, {best.contender}"
            if gain < _INT8_GAIN and _lacks_integer_products(record.host.get("instructions", "unknown")):
                told += "; this processor has no instruction for sums of products of bytes"
            yield Claim(promise, told, gain >= _INT8_GAIN)


def _lacks_integer_products(instructions: str) -> bool:
    return instructions != "unknown" and not any(flag in instructions for flag in _INTEGER_PRODUCTS)
