"""Files with a few bytes changed, a function of a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from rnnedge_runtime.checksum import seal

# What the seal adds to a file: the entry's header, its key, and 64 digits.
SEAL_BYTES = len(seal(b""))
_INTERESTING = (0, 1, 2, 8, 10, 0x7F, 0x80, 0xFE, 0xFF)


def damaged(files: Sequence[bytes], seed: int) -> tuple[bytes, bytes]:
    """A file with bytes changed anywhere, seal included, and the file it was made of."""
    rng = random.Random(f"damaged {seed}")
    original = rng.choice(files)
    return _changed(original, files, rng), original


def resealed(files: Sequence[bytes], seed: int) -> tuple[bytes, bytes]:
    """A file with bytes changed before its seal, and sealed again; so what is behind the seal meets it."""
    rng = random.Random(f"resealed {seed}")
    original = rng.choice(files)
    return seal(_changed(original[:-SEAL_BYTES], files, rng)), original


def _changed(data: bytes, files: Sequence[bytes], rng: random.Random) -> bytes:
    body = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 8))):
        rng.choice(_CHANGES)(body, files, rng)
    return bytes(body)


def _flip(body: bytearray, _files: Sequence[bytes], rng: random.Random) -> None:
    body[_place(body, rng)] ^= 1 << rng.randrange(8)


def _put(body: bytearray, _files: Sequence[bytes], rng: random.Random) -> None:
    body[_place(body, rng)] = rng.choice((*_INTERESTING, rng.randrange(256)))


def _delete(body: bytearray, _files: Sequence[bytes], rng: random.Random) -> None:
    at = _place(body, rng)
    del body[at : at + rng.choice((1, 2, 8, 64))]


def _insert(body: bytearray, files: Sequence[bytes], rng: random.Random) -> None:
    donor = rng.choice(files)
    start = rng.randrange(len(donor))
    body[_place(body, rng) : 0] = donor[start : start + rng.choice((1, 2, 8, 64, 512))]


def _overwrite(body: bytearray, files: Sequence[bytes], rng: random.Random) -> None:
    donor, at, size = rng.choice(files), _place(body, rng), rng.choice((2, 8, 64, 512))
    start = rng.randrange(len(donor))
    body[at : at + size] = donor[start : start + size]


def _double(body: bytearray, _files: Sequence[bytes], rng: random.Random) -> None:
    at = _place(body, rng)
    body[at:at] = body[at : at + rng.choice((1, 8, 64, 4096))]


def _cut(body: bytearray, _files: Sequence[bytes], rng: random.Random) -> None:
    del body[max(1, len(body) - rng.choice((1, 8, 64, 1024))) :]


def _place(body: bytearray, rng: random.Random) -> int:
    """Any place, but every second time one in the first tenth, where the structure stands rather than the weights."""
    if not body:
        body.append(0)
    return rng.randrange(len(body) if rng.random() < 0.5 else 1 + len(body) // 10)


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip, _flip, _put, _put, _delete, _insert, _overwrite, _double, _cut,
)  # fmt: skip
