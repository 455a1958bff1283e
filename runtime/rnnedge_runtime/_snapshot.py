"""A stream in bytes: where it stands, what it holds, which file it belongs to, and a checksum.

Layout: the line "rnnedge-snapshot 1", SHA-256 of what follows, the length of the header (8 bytes, little-endian), the
header in JSON, then the arrays it lists, one after the other in C order and little-endian.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime.arguments import shown, text
from rnnedge_runtime.arrays import cast
from rnnedge_runtime.contract import Array, Contract
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.frames import check_within

_MAGIC = b"rnnedge-snapshot 1\n"
_FIXED = ("state:", "summary:")
_DTYPES = ("float32", "float16", "float64", "int64", "int32", "bool")
# More than any stream is pushed: 285 years of a frame a microsecond. Places of frames stay far from 2^63.
_MOST_FRAMES = 1 << 53


class Snapshot(NamedTuple):
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
    return _MAGIC + sha256(body).digest() + body


def unpack(data: object, name: str = "snapshot") -> Snapshot:
    """Read the bytes of a snapshot; raises `InputError` where they are damaged or none."""
    text(name, "snapshot: name")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InputError(f"{name}: expected the bytes of a snapshot, found {shown(data)}; use Stream.snapshot")
    try:
        data = bytes(data)
    # A view whose buffer was released.
    except ValueError as error:
        raise InputError(f"{name}: expected the bytes of a snapshot, found {error}") from error
    if not data.startswith(_MAGIC):
        raise InputError(f"{name}: not a snapshot of a stream, or of another version")
    at = len(_MAGIC) + 32
    body = data[at:]
    if sha256(body).digest() != data[len(_MAGIC) : at]:
        raise InputError(f"{name}: damaged (its checksum does not fit); use an older one")
    try:
        length = int.from_bytes(body[:8], "little")
        header = json.loads(body[8 : 8 + length])
        arrays, at = {}, 8 + length
        for key, dtype, shape in header["arrays"]:
            arrays[str(key)], at = _array(body, at, dtype, shape)
        if at != len(body):
            raise ValueError("length")
        return Snapshot(str(header["model"]), str(header["source"]), dict(header["fields"]), arrays)
    # Whoever makes a right checksum over wrong contents gets the same answer.
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise InputError(f"{name}: damaged ({type(error).__name__}); use an older one") from error


def _array(body: bytes, at: int, dtype: Any, shape: Any) -> tuple[Array, int]:
    """The array that begins at byte `at`, and where the next one does."""
    if dtype not in _DTYPES or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError(f"{dtype} {shape}")
    end = at + math.prod(shape) * np.dtype(dtype).itemsize
    flat = np.frombuffer(body[at:end], np.dtype(dtype).newbyteorder("<"))
    # A byte that is neither is a truth value to numpy, and something else to other code.
    if dtype == "bool" and (flat.view(np.uint8) > 1).any():
        raise ValueError("bool")
    return flat.astype(dtype).reshape(shape), end


def fitted(found: Snapshot, expected: Snapshot, contract: Contract, name: str) -> Snapshot:
    """`found` as a stream of `contract` can go on with it, its arrays in the dtypes of the stream.

    `expected` is where that stream stands. Raises `ModelRefused` for another model, naming both digests, and
    `InputError` for a stream of another kind, and for numbers that the stream cannot hold.
    A file made from the same weights is the same model, in whatever precision its states are kept.
    """
    related = found.source and found.source == expected.source
    if found.model != expected.model and not related:
        raise ModelRefused(f"{name}: belongs to the model {ascii(found.model)[1:65]}, this one is {expected.model}")
    batch = expected.fields["batch"]
    if type(found.fields.get("batch")) is not int or found.fields["batch"] != batch:
        raise InputError(f"{name}: is of batch {shown(found.fields.get('batch'))}, this stream of {batch}")
    wanted = {key: array.shape for key, array in expected.arrays.items() if key.startswith(_FIXED)}
    given = {key: array.shape for key, array in found.arrays.items() if key.startswith(_FIXED)}
    if wanted != given or set(found.fields) != set(expected.fields):
        raise InputError(f"{name}: its states are not those of this stream; {_difference(given, wanted)}")
    _check_frames(found, contract, "last", 1, name)
    _check_counts(found, contract, _check_frames(found, contract, "rest", contract.unit - 1, name), name)
    dtypes = {key: array.dtype for key, array in expected.arrays.items()}
    dtypes |= {f"{kind}:{port.name}": np.dtype(port.dtype) for port in contract.inputs for kind in ("rest", "last")}
    arrays = {
        key: _cast(array, dtypes[key], f"{name}: {key}", finite=_finite(key, contract, found.fields["skip"]))
        for key, array in found.arrays.items()
        if key in dtypes
    }
    ranges = {f"{kind}:{port.name}": port.range for port in contract.ranged for kind in ("rest", "last")}
    ranges |= {f"state:{state.input}": state.range for state in contract.states}
    for key, array in arrays.items():
        check_within(array, ranges.get(key), f"{name}: {key}")
    return found._replace(arrays=arrays)


def _finite(key: str, contract: Contract, skip: Any) -> str:
    """What an array has to be: "finite"; "a number", which may be infinite; or "" for anything.

    A state that begins with an infinity, as frames in front of a maximum, has it for a while; a summary too. Until an
    output begins, a delay holds what comes of frames that nobody pushed, such as a division by their number; the states
    that would keep it are held meanwhile.
    """
    if key.startswith("summary:"):
        return "a number" if any(not np.isfinite(state.initial).all() for state in contract.states) else "finite"
    for state in contract.states:
        if key == f"state:{state.input}":
            if any(skip) and contract.warmup and not state.warmup and not state.context:
                return ""
            return "finite" if np.isfinite(state.initial).all() else "a number"
    return "finite"


def _cast(array: Array, dtype: np.dtype[Any], place: str, *, finite: str) -> Array:
    if (finite and np.isnan(array).any()) or (finite == "finite" and not np.isfinite(array).all()):
        raise InputError(f"{place}: holds a NaN or an infinity")
    # Other bits of the same kind are those of a file in another precision; other kinds are other states.
    if array.dtype.kind != dtype.kind:
        raise InputError(f"{place}: expected {dtype}, found {array.dtype}")
    with np.errstate(invalid="ignore"):
        return cast(array, dtype, place)


def _check_counts(found: Snapshot, contract: Contract, held: int, name: str) -> None:
    """They are those of a stream of this contract, `held` frames of which wait: so many make so many calls."""
    fields = found.fields
    per_frame = [port for port in contract.outputs if port.per_frame]
    skip, finished = fields["skip"], fields["finished"]
    counts = [fields["frames"], fields["calls"], *(skip if isinstance(skip, list) else [-1])]
    if not all(type(count) is int and 0 <= count <= _MOST_FRAMES for count in counts) or type(finished) is not bool:
        raise InputError(f"{name}: its counts are no numbers of frames")
    fed, calls, warmup = fields["frames"] - held, fields["calls"], contract.warmup
    # The end of a sequence makes calls over frames that nobody pushed, and nothing comes after it.
    fits = finished or (
        fed >= min(calls, warmup) * contract.unit
        and (calls >= warmup or fed == calls * contract.unit)
        and skip == [max(0, port.clock.delay - port.clock.frames(fed)) for port in per_frame]
    )
    if not fits or len(skip) != len(per_frame):
        raise InputError(f"{name}: its counts do not fit each other, or a stream of this file")


def _check_frames(found: Snapshot, contract: Contract, kind: str, most: int, name: str) -> int:
    """Frames of every input, equally many and at most `most`, or of none; returns how many."""
    batch = found.fields["batch"]
    lead = (batch,) if batch > 1 else ()
    given = {key: array.shape for key, array in found.arrays.items() if key.startswith(f"{kind}:")}
    if not given:
        return 0
    first = next(iter(given.values()))
    length = first[len(lead)] if len(first) > len(lead) else 0
    wanted = {f"{kind}:{port.name}": (*lead, length, *port.frame_shape) for port in contract.inputs}
    if given != wanted or not 1 <= length <= most:
        raise InputError(f"{name}: the frames that it holds are not those of this stream, found {given}")
    return length


def _difference(given: Mapping[str, object], wanted: Mapping[str, object]) -> str:
    for key in sorted({*given, *wanted}):
        if given.get(key) != wanted.get(key):
            return f"{key}: expected {wanted.get(key, 'none')}, found {given.get(key, 'none')}"
    return "its fields are others"
