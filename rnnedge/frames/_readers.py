"""Frames out of files and pipes, as they come: CSV, JSON lines, NPY, WAV, and NPZ for several inputs.

Every reader yields (time, ...) arrays of the input's dtype, and names file, row and column of what it cannot read.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from rnnedge.files.arrays import StoredArray, listed, npz_arrays, open_npy, open_npz
from rnnedge.files.riff import read_wav_header
from rnnedge.files.samples import CODED, WAV
from rnnedge.files.text import open_text
from rnnedge.frames._audio import TimedFrames, pipe, wav_file
from rnnedge.frames._coded_sound import coded_file
from rnnedge.frames._endings import KINDS, advice, missing
from rnnedge.frames._options import ReadOptions
from rnnedge.frames._parquet import parquet_rows
from rnnedge.frames._standard_input import as_text, begins_with_wav, binary
from rnnedge.frames._text_lines import read_lines
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.plain_file import is_file

_STDIN = "standard input"
_PLAIN = ReadOptions()


def read_frames(source: str, contract: Contract, options: ReadOptions = _PLAIN) -> Iterator[Frames]:
    """The frames of `source`: a path by its ending, or "-" for standard input: CSV, JSON lines, WAV or raw samples.

    Raises `InputError` naming what cannot be read, when it is reached.
    """
    return open_frames(source, contract, options).frames


def open_frames(source: str, contract: Contract, options: ReadOptions = _PLAIN) -> TimedFrames:
    """As `read_frames`, with the rate at which frames come."""
    names = [port.name for port in contract.inputs]
    if len(names) > 1 and not source.lower().endswith(".npz"):
        raise InputError(f"{source}: the model has the inputs {names}; give a .npz file with an array of each name")
    if source == "-":
        return _standard_input(contract, options)
    path = Path(source)
    try:
        if not is_file(path):
            raise InputError(f"{source}: {missing(path)}")
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    if options.raw:
        return wav_file(path, contract, options)
    if path.suffix.lower() in WAV:
        take = coded_file if read_wav_header(path).is_coded else wav_file
        return take(path, contract, options)
    if path.suffix.lower() in CODED:
        return coded_file(path, contract, options)
    return TimedFrames(_by_ending(path, source, contract, options.decimal), contract.frame_rate_hz)


def _by_ending(path: Path, source: str, contract: Contract, decimal: str) -> Iterator[Frames]:
    ending = path.suffix.lower()
    if ending == ".npy":
        return _npy(path, contract)
    if ending == ".npz":
        return _npz(path, contract)
    if ending in (".parquet", ".pq"):
        return _parquet(path, contract)
    if ending in (".csv", ".txt", ".tsv", ".jsonl", ".json"):
        return _text(partial(open_text, path, errors="replace"), source, contract, contract.piece, decimal)
    found = ending or "no ending"
    raise InputError(f"{source}: expected a table, an array or sound ({KINDS}), found {found}; {advice(ending)}")


def _standard_input(contract: Contract, options: ReadOptions) -> TimedFrames:
    file = binary()
    if file is None:
        return TimedFrames(
            _text(lambda: nullcontext(sys.stdin), _STDIN, contract, 1, options.decimal), contract.frame_rate_hz
        )
    try:
        wav, file = (False, file) if options.raw else begins_with_wav(file)
    except OSError as error:
        raise _unreadable(_STDIN, error) from error
    if options.raw or wav:
        return pipe(file, _STDIN, contract, options)
    return TimedFrames(_text(lambda: as_text(file), _STDIN, contract, 1, options.decimal), contract.frame_rate_hz)


def _text(
    opened: Callable[[], AbstractContextManager[IO[str]]], name: str, contract: Contract, at_once: int, decimal: str
) -> Iterator[Array]:
    try:
        with opened() as file:
            yield from read_lines(file, name, contract, at_once, decimal)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> InputError:
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    return InputError(f"{name}: cannot be read ({reason})")


def _npy(path: Path, contract: Contract) -> Iterator[Array]:
    with open_npy(path) as array:
        yield from _pieces(array, contract.inputs[0], contract.piece)


def _parquet(path: Path, contract: Contract) -> Iterator[Array]:
    port = contract.inputs[0]
    for rows in parquet_rows(path, contract):
        yield _converted(rows, port, str(path)).reshape(-1, *(int(d) for d in port.frame_shape))


def _npz(path: Path, contract: Contract) -> Iterator[Frames]:
    """An array for every input, by its name."""
    names = [port.name for port in contract.inputs]
    there = npz_arrays(path)
    if set(there) != set(names):
        raise InputError(
            f"{path}: expected arrays {listed(names)}, found {listed(there)}; name them as the inputs, as with "
            f"numpy.savez(FILE, {', '.join(f'{name}={name}' for name in names[:4])})"
        )
    with open_npz(path) as arrays:
        counts = {name: array.shape[0] for name, array in arrays.items() if array.shape}
        if len(set(counts.values())) > 1:
            raise InputError(f"{path}: expected equally many frames of every input, found {counts}")
        parts = (_pieces(arrays[port.name], port, contract.piece) for port in contract.inputs)
        for pieces in zip(*parts, strict=True):
            yield dict(zip(names, pieces, strict=True))


def _pieces(array: StoredArray, port: Port, at_once: int) -> Iterator[Array]:
    frame = tuple(int(d) for d in port.frame_shape)
    kinds = "f" if port.dtype.startswith("float") else "iu"
    if array.dtype.kind not in kinds:
        scale = ", or x / numpy.float32(32768) for samples of sound" if array.dtype == np.int16 else ""
        raise InputError(
            f"{array.place}: expected {port.dtype}, found {array.dtype}; save x.astype(numpy.{port.dtype}){scale}"
        )
    if len(array.shape) != 1 + len(frame) or array.shape[1:] != frame:
        expected = ", ".join(map(str, ("time", *frame)))
        raise InputError(
            f"{array.place}: expected shape ({expected}), found {array.shape}{_other_axes(array.shape, frame)}"
        )
    for part in array.parts(at_once):
        yield _converted(part, port, array.place)


def _converted(part: Array, port: Port, place: str) -> Array:
    # A float that is too large for the dtype becomes an infinity, which `push` refuses; a whole number would wrap.
    with np.errstate(over="ignore", invalid="ignore"):
        frames = np.asarray(part, port.dtype)
    if not port.dtype.startswith("float") and not np.array_equal(frames, part):
        raise InputError(f"{place}: expected numbers that {port.dtype} holds, found {part.dtype} beyond them")
    return frames


def _other_axes(found: tuple[int, ...], frame: tuple[int, ...]) -> str:
    """What to save, if the axes of `frame` are there, with others or in another order."""
    if found == frame:
        return "; save x[None] for one frame"
    if len(found) == 2 + len(frame) and found[2:] == frame:
        return "; save one sequence of the batch, x[0]"
    if len(found) == 2 and found[::-1][1:] == frame:
        return "; save x.T"
    return "; save x[:, None]" if len(found) == 1 and frame == (1,) else ""
