"""A stream in bytes: where it stands, what it holds, which file it belongs to, and a checksum.

Layout: the line "rnnedge-snapshot 1", SHA-256 of what follows, the length of the header (8 bytes, little-endian), the
header in JSON, then the arrays it lists, one after the other in C order and little-endian.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, ModelRefused

_MAGIC = b"rnnedge-snapshot 1\n"
_FIXED = ("state:", "summary:")
_DTYPES = ("float32", "float16", "float64", "int64", "int32", "bool")


@dataclass(frozen=True)
class Snapshot:
    """`arrays` are states, frames that wait, summaries; `fields` the numbers of the stream.

    `model` is the digest of the file, `source` that of the weights it was made from, "" where the file does not say.
    """

    model: str
    source: str
    fields: Mapping[str, Any]
    arrays: Mapping[str, Array]


def pack(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot."""
    listed = [[name, str(array.dtype), list(array.shape)] for name, array in snapshot.arrays.items()]
    header = json.dumps(
        {"model": snapshot.model, "source": snapshot.source, "fields": dict(snapshot.fields), "arrays": listed}
    ).encode()
    parts = [len(header).to_bytes(8, "little"), header]
    parts += [np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes() for a in snapshot.arrays.values()]
    body = b"".join(parts)
    return _MAGIC + hashlib.sha256(body).digest() + body


def unpack(data: bytes, name: str = "snapshot") -> Snapshot:
    """Read the bytes of a snapshot; raises `InputError` where they are damaged or none."""
    if not data.startswith(_MAGIC):
        raise InputError(f"{name}: not a snapshot of a stream, or of another version")
    at = len(_MAGIC) + 32
    body = data[at:]
    if hashlib.sha256(body).digest() != data[len(_MAGIC) : at]:
        raise InputError(f"{name}: damaged (its checksum does not fit); use an older one")
    try:
        length = int.from_bytes(body[:8], "little")
        header = json.loads(body[8 : 8 + length])
        arrays, at = {}, 8 + length
        for key, dtype, shape in header["arrays"]:
            if dtype not in _DTYPES:
                raise ValueError(dtype)
            size = math.prod(shape) * np.dtype(dtype).itemsize
            flat = np.frombuffer(body[at : at + size], np.dtype(dtype).newbyteorder("<"))
            arrays[str(key)] = flat.astype(dtype).reshape(shape)
            at += size
        if at != len(body):
            raise ValueError("length")
        return Snapshot(str(header["model"]), str(header["source"]), dict(header["fields"]), arrays)
    # Whoever makes a right checksum over wrong contents gets the same answer.
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise InputError(f"{name}: damaged ({type(error).__name__}); use an older one") from error


def check_fits(found: Snapshot, expected: Snapshot, contract: Contract, name: str) -> None:
    """Raise `ModelRefused` for another model, naming both digests, and `InputError` for a stream of another kind.

    A file made from the same weights is the same model, in whatever precision its states are kept.
    """
    related = found.source and found.source == expected.source
    if found.model != expected.model and not related:
        raise ModelRefused(f"{name}: belongs to the model {found.model}, this one is {expected.model}")
    batch = expected.fields["batch"]
    if found.fields.get("batch") != batch:
        raise InputError(f"{name}: is of batch {found.fields.get('batch')}, this stream of {batch}")
    wanted = {key: array.shape for key, array in expected.arrays.items() if key.startswith(_FIXED)}
    given = {key: array.shape for key, array in found.arrays.items() if key.startswith(_FIXED)}
    if wanted != given or set(found.fields) != set(expected.fields):
        raise InputError(f"{name}: its states are not those of this stream; {_difference(given, wanted)}")
    counts = [found.fields[key] for key in ("frames", "calls")] + list(found.fields["skip"])
    whole = all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)
    if not whole or len(found.fields["skip"]) != len(expected.fields["skip"]):
        raise InputError(f"{name}: its counts are no numbers of frames")
    for kind, least, most in (("rest", 1, contract.unit - 1), ("last", 1, 1)):
        _check_frames(found, contract, kind, range(least, most + 1), name)
    if not all(np.isfinite(array).all() for array in found.arrays.values()):
        raise InputError(f"{name}: holds a NaN or an infinity")


def _check_frames(found: Snapshot, contract: Contract, kind: str, lengths: range, name: str) -> None:
    """Frames of every input, equally many, or of none."""
    batch = found.fields["batch"]
    given = {key: array.shape for key, array in found.arrays.items() if key.startswith(f"{kind}:")}
    fits = not given or any(
        given
        == {f"{kind}:{p.name}": (*((batch,) if batch > 1 else ()), length, *p.frame_shape) for p in contract.inputs}
        for length in lengths
    )
    if not fits:
        raise InputError(f"{name}: the frames that it holds are not those of this stream, found {given}")


def _difference(given: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    for key in sorted({*given, *wanted}):
        if given.get(key) != wanted.get(key):
            return f"{key}: expected {wanted.get(key, 'none')}, found {given.get(key, 'none')}"
    return "its fields are others"
