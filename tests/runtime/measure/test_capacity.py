"""How many streams are held: the search, and real streams."""

from __future__ import annotations

import random

import pytest
import quickly
from exported import Exported
from in_one_test import in_one_test

from rnnedge_runtime import InputError, load
from rnnedge_runtime.measure.capacity import largest, measure_capacity, missed_share


@in_one_test("capacity", [0, 1, 2, 3, 7, 8, 9, 31, 33, 100, 1000, 4095, 50_000])
def test_the_largest_number_is_found_within_a_thirty_second_part(capacity: int) -> None:
    """Never above, and exactly up to 32."""
    asked = []

    def missed(number: int) -> float:
        asked.append(number)
        return 0.0 if number <= capacity else 0.3

    found = largest(missed, 0.001)
    assert found <= capacity
    assert capacity - found <= capacity / 32
    assert len(set(asked)) <= 25


def test_there_is_an_end_to_it() -> None:
    """A machine that holds everything is not asked for ever; nor for more than that."""
    asked = []
    assert 97 <= largest(lambda n: asked.append(n) or 0.0, 0.001, most=100) <= 100
    assert max(asked) <= 100


def test_a_busy_moment_is_not_the_limit() -> None:
    """Every fifth trial misses for reasons of its own; the number is found all the same, nearly always."""
    rng = random.Random(0)
    found = [largest(lambda n: 0.5 if n > 200 or rng.random() < 0.2 else 0.0, 0.001) for _ in range(100)]
    assert sum(190 <= n <= 200 for n in found) >= 80
    assert max(found) <= 200


def test_what_is_allowed_is_allowed() -> None:
    """A share of misses up to it is held."""
    assert largest(lambda n: 0.01 * n, 0.05) == 5


def test_a_lost_trial_ends_early() -> None:
    """Once more pushes are late than allowed, the rest cannot save it; else all of them count."""
    now, pushed = [0], []

    def push(index: int, takes_ns: int) -> None:
        pushed.append(index)
        now[0] += takes_ns

    def read() -> int:
        now[0] += 1000
        return now[0]

    def sleep(seconds: float) -> None:
        now[0] += round(seconds * 1e9)

    pacing = {"clock": read, "sleep": sleep, "cpu": lambda: 0}
    assert missed_share(lambda k: push(k, 2_000_000), 1_000_000, 1000, 1_500_000, 0.01, **pacing) > 0.01
    assert len(pushed) == 11
    pushed.clear()
    share = missed_share(
        lambda k: push(k, 300_000 + 800_000 * (k % 200 == 7)), 1_000_000, 1000, 1_000_000, 0.01, **pacing
    )
    assert (share, len(pushed)) == (0.005, 1000)


def test_a_slow_pile_up_is_seen_before_it_misses() -> None:
    """Pushes of 4 ms at 10 Hz: 25 streams fit in, whatever the deadline; a short trial of 30 would miss nothing yet."""
    now = [0]

    def sleep(seconds: float) -> None:
        now[0] += round(seconds * 1e9)

    def read() -> int:
        now[0] += 10
        return now[0]

    def push(_: int) -> None:
        now[0] += 4_000_000

    def missed(streams: int) -> float:
        pacing = {"clock": read, "sleep": sleep, "cpu": lambda: 0}
        return missed_share(push, 100_000_000 // streams, 6 * streams, 500_000_000, 0.001, **pacing)

    assert 24 <= largest(missed, 0.001) <= 25


@pytest.mark.slow
def test_streams_of_a_file_are_counted_alone_and_in_a_pool(native: Exported) -> None:
    """At a rate so high that few fit in, and one so high that none does."""
    some = measure_capacity(native.model, rate_hz=2000.0)
    assert some.deadline_us == 500.0 and some.pooled is not None
    assert 0 <= some.solo < 1000
    none = measure_capacity(native.model, rate_hz=1_000_000.0, deadline_us=0.1)
    assert (none.solo, none.pooled) == (0, 0)


def test_a_rate_has_to_be_known(native: Exported, tmp_path) -> None:
    """The file's own or a given one."""
    quickly.export(native.module, _example(), tmp_path / "no-rate.onnx")
    with pytest.raises(InputError, match="states no frame rate"):
        measure_capacity(load(tmp_path / "no-rate.onnx"))


def _example():
    from examples.networks import small as networks

    return networks.build("gru-2")[1]
