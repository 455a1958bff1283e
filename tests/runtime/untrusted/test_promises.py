"""What a contract promises holds for sequences of any length, not only for the one in the file."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from bombs import GOLDEN, with_contract
from in_one_test import in_one_test

from rnnedge_runtime import Contract, ContractError
from rnnedge_runtime.clock import Clock, Length
from rnnedge_runtime.contract import Cursor
from rnnedge_runtime.contract_json import parse
from rnnedge_runtime.engines.native._signature import read_signature
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.contract_limits import check_promises, longest

MIB = 1 << 20


@pytest.fixture
def contract() -> Contract:
    """The one of the golden file: a frame out for each frame in."""
    return parse(read_signature(GOLDEN.read_bytes(), "golden").metadata, "golden")


def with_clock(contract: Contract, **fields: Any) -> Contract:
    """Its output, at another clock; the golden sample stays what it was."""
    port = contract.outputs[0]
    return replace(contract, outputs=(replace(port, clock=replace(port.clock, **fields)), *contract.outputs[1:]))


GROWING: list[Length] = [
    ((1, -16, 1), (1 << 20, 0, 1), (1 << 20, 0, 1), (1 << 20, 0, 1)),
    ((2, -16, 1),),
    ((3, -32, 1),),
    ((60_000, 16 - 16 * 60_000, 1),),
    ((1 << 20, 0, 1), (1, 0, 1 << 19), (1, -16, 1)),
    ((2, 0, 1), (1, -16, 1)),
    ((1001, -16, 1000),),
]


@in_one_test("steps", GROWING)
def test_a_sequence_that_grows_faster_than_its_calls_is_refused(contract: Contract, steps: Length) -> None:
    """Also where a sequence as long as the sample, 16 frames, has no more than that."""
    check_promises(contract, LIMITS)
    with pytest.raises(ContractError, match="frames per frame of the input, as the calls bring"):
        check_promises(with_clock(contract, length=steps), LIMITS)


@in_one_test(
    ("change", "words"),
    [
        (lambda c: with_clock(c, delay=MIB), "to end within 16,384 calls, found up to 1,048,579"),
        (lambda c: with_clock(c, length=((1, 10_000, 1), (1, 10_000, 1))), "to end within 16,384 calls"),
        (lambda c: replace(c, least=MIB), "to end within 16,384 calls"),
        (lambda c: replace(c, grain=MIB), "to end within 16,384 calls"),
        (lambda c: replace(c, cursors=(Cursor("end", "last", Clock(delay=MIB)),)), "to end within 16,384 calls"),
        (lambda c: with_clock(c, length=((1, 0, 1),) * 257), "at most 256 steps, found 257"),
        (lambda c: replace(c, hop=1 << 10, least=1 << 10, cursors=(Cursor("m", "mask", Clock(Fraction(1 << 16))),)),
         "buffers of at most"),
        (lambda c: replace(c, cursors=(Cursor("m", "mask", Clock(Fraction(1, 3))),)), "no whole number of frames"),
    ],
)  # fmt: skip
def test_an_end_that_takes_many_calls_is_refused(contract: Contract, change: Any, words: str) -> None:
    """By whatever number of the contract it comes."""
    with pytest.raises(ContractError, match=words):
        check_promises(change(contract), LIMITS)


def test_an_end_with_large_outputs_is_refused(contract: Contract) -> None:
    """Few calls, each within the bound of a call."""
    port = contract.outputs[0]
    wide = replace(port, shape=("batch", "time", 1 << 18), clock=replace(port.clock, delay=200))
    with pytest.raises(ContractError, match="outputs of at most 134,217,728 bytes at the end of a sequence"):
        check_promises(replace(contract, outputs=(wide, *contract.outputs[1:])), LIMITS)


def test_the_bound_on_a_length_holds_for_every_length() -> None:
    """Against the lengths themselves, for chains of steps drawn at random; and it is no looser than it has to be."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        drawn = rng.integers([1, -50, 1], [6, 50, 6], (rng.integers(5), 3))
        steps = tuple((int(a), int(b), int(c)) for a, b, c in drawn)
        clock, (slope, more) = Clock(length=steps), longest(steps)
        lengths = [*range(100), 10**6]
        assert all(clock.valid(n) <= slope * n + more for n in lengths)
    assert longest(((2, 3, 1), (1, 1, 4))) == (Fraction(1, 2), Fraction(4, 4))


def test_a_sequence_of_any_length_ends_within_the_bound(contract: Contract) -> None:
    """What `complete_after` says is within what the check has computed, for clocks that it accepts."""
    rng = np.random.default_rng(1)
    accepted = 0
    for _ in range(400):
        rate, hop = Fraction(int(rng.integers(1, 4))), int(rng.integers(1, 5))
        steps = tuple((int(a), int(b), int(c)) for a, b, c in rng.integers([1, -9, 1], [4, 9, 4], (rng.integers(3), 3)))
        one = with_clock(contract, rate=rate, delay=int(rng.integers(0, 20)), length=steps)
        one = replace(one, hop=hop, grain=int(rng.integers(1, 6)), least=int(rng.integers(1, 30)))
        slope, more = longest(steps)
        if slope > rate:
            continue
        accepted += 1
        most = ceil((one.unit + one.least + one.grain + (more + one.outputs[0].clock.delay) / rate) / one.unit)
        for n in range(1, 80):
            fed, total = n // one.unit * one.unit, one.whole_length(n)
            assert (one.complete_after(fed, total) - fed) // one.unit <= most
    assert accepted > 100


def test_the_file_of_a_promise_is_refused_by_the_load() -> None:
    """The check is part of a strict load."""
    data = with_contract(lambda c: c["outputs"][0]["clock"].update(length=[[2, -16, 1]]))
    with pytest.raises(ContractError, match="as the calls bring, found 2"):
        load_bytes(data, "m", trust="strict")
