"""Parsers of foreign bytes answer with a value or an `RnnEdgeError`, whatever they are fed."""

from __future__ import annotations

import random

import pytest
from in_one_test import in_one_test
from parsers import TARGETS, Target, read, replaced

from rnnedge_runtime import InputError, ModelRefused

_MUTANTS = 2500
_WORDS = (
    b"1e999",
    b"-1",
    b"NaN",
    b"9" * 30,
    b"1" + b"0" * 400,
    b"[" * 99,
    b"null",
    b"{}",
    b'""',
    b"\x00",
    b"\xff\xff",
    b",",
)


def mutant(seed: bytes, rng: random.Random) -> bytes:
    """`seed` with up to four bytes turned, stretches cut or doubled, or words put in."""
    data = bytearray(seed)
    for _ in range(rng.randint(1, 4)):
        start, length = rng.randint(0, len(data)), rng.randint(0, 8)
        change = rng.randrange(5)
        if change == 0 and start < len(data):
            data[start] ^= 1 << rng.randrange(8)
        elif change == 1:
            del data[start : start + length]
        elif change == 2:
            data[start:start] = data[start : start + 4 * length]
        elif change == 3:
            data[start : start + length] = rng.choice(_WORDS)
        else:
            del data[start + length :]
    return bytes(data)


def drive(target: Target, mutants: int) -> None:
    """Feed the seeds and so many mutants of them, the same ones every time."""
    rng = random.Random(0)
    seeds = target.seeds()
    for seed in seeds:
        target.feed(seed)
    for _ in range(mutants):
        target.feed(mutant(rng.choice(seeds), rng))


@pytest.mark.parametrize("name", TARGETS)
def test_a_parser_returns_or_refuses(name: str) -> None:
    """Thousands of mutants of good inputs: no other exception, no warning but of what is no sound."""
    drive(TARGETS[name], _MUTANTS)


@pytest.mark.parametrize("name", TARGETS)
def test_another_exception_is_seen(name: str) -> None:
    """A parser that fails on one mutant in some hundred fails the test above."""

    def careless(data: bytes) -> None:
        if len(data) % 97 == 0:
            raise IndexError(len(data))

    with pytest.raises(IndexError):
        drive(Target(careless, TARGETS[name].seeds), _MUTANTS)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"[1, 2, 3, 1" + b"0" * 400 + b"]", r"row 1, column 4: expected a number, found '10+'"),
        ("a.csv", b"1,2,3," + b"4" * 200_000, "row 1: expected numbers between commas .*field larger"),
        (
            "a.wav",
            b"RIFF\x2d\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\3\0\0\0abc",
            "cut short",
        ),
        ("a.wav", b"RIFF\x24\0\0\0WAVELIST\xf0\xff\xff\xff", "cut short"),
    ],
    ids=("no float", "long cell", "half a sample", "chunk outside"),
)
def test_a_file_that_once_raised_another_error_is_named(name: str, data: bytes, words: str) -> None:
    """A number beyond float, a cell without end, half a sample, a chunk that leads out of the file."""
    with pytest.raises(InputError, match=words):
        read(name, data, "float32", 4)


@in_one_test("cell", ["1.5", "nan", "inf", "1e300", "9999999999", "[18446744073709551616]"])
def test_a_token_is_a_whole_number(cell: str) -> None:
    """A model of tokens refuses what it would have rounded or wrapped, naming the row."""
    with pytest.raises(InputError, match="row 2, column 1: expected a whole number"):
        read("a.csv", f"5\n{cell}\n".encode(), "int64", 1)
    assert read("a.csv", b"5\n-7.0\n", "int64", 1) == [[5], [-7]]


@pytest.mark.parametrize("number", [10**400, float("inf"), float("nan")], ids=("beyond float", "inf", "nan"))
def test_a_contract_holds_finite_numbers(number: float) -> None:
    """One that no float holds, an infinity and a NaN are refused as part of the contract."""
    with pytest.raises(ModelRefused, match="fuzz: "):
        replaced("frame_rate_hz", number)
