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
from rnnedge.files.text import open_text
from rnnedge.frames._audio import AudioOptions, pipe, wav_file
from rnnedge.frames._standard_input import as_text, begins_with_wav, binary
from rnnedge.frames._text_lines import read_lines
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames

_STDIN = "standard input"
_PLAIN = AudioOptions()


def read_frames(source: str, contract: Contract, audio: AudioOptions = _PLAIN) -> Iterator[Frames]:
    """The frames of `source`: a path by its ending, or "-" for standard input: CSV, JSON lines, WAV or raw samples.

    `audio`: how sound is read. Raises `InputError` naming what cannot be read, when it is reached.
    """
    names = [port.name for port in contract.inputs]
    if len(names) > 1 and not source.lower().endswith(".npz"):
        raise InputError(f"{source}: the model has the inputs {names}; give a .npz file with an array of each name")
    if source == "-":
        return _standard_input(contract, audio)
    path = Path(source)
    try:
        if not path.is_file():
            raise InputError(
                f"{source}: no such file; give a .csv, .jsonl, .npy, .npz or .wav file, or - for standard input"
            )
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    ending = path.suffix.lower()
    if audio.raw or ending == ".wav":
        return wav_file(path, contract, audio)
    if ending == ".npy":
        return _npy(path, contract)
    if ending == ".npz":
        return _npz(path, contract)
    if ending in (".csv", ".txt", ".jsonl", ".json"):
        return _text(partial(open_text, path, errors="replace"), source, contract, contract.piece)
    raise InputError(
        f"{source}: expected .csv, .jsonl, .npy, .npz or .wav, found {ending or 'no ending'}; "
        "raw samples need --raw s16le"
    )


def _standard_input(contract: Contract, audio: AudioOptions) -> Iterator[Frames]:
    file = binary()
    if file is None:
        yield from _text(lambda: nullcontext(sys.stdin), _STDIN, contract, 1)
        return
    try:
        wav, file = (False, file) if audio.raw else begins_with_wav(file)
    except OSError as error:
        raise _unreadable(_STDIN, error) from error
    if audio.raw or wav:
        yield from pipe(file, _STDIN, contract, audio)
    else:
        yield from _text(lambda: as_text(file), _STDIN, contract, 1)


def _text(
    opened: Callable[[], AbstractContextManager[IO[str]]], name: str, contract: Contract, at_once: int
) -> Iterator[Array]:
    try:
        with opened() as file:
            yield from read_lines(file, name, contract, at_once)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError) -> InputError:
    reason = "it is closed" if error.errno == errno.EBADF else error.strerror
    return InputError(f"{name}: cannot be read ({reason})")


def _npy(path: Path, contract: Contract) -> Iterator[Array]:
    with open_npy(path) as array:
        yield from _pieces(array, contract.inputs[0], contract.piece)


def _npz(path: Path, contract: Contract) -> Iterator[Frames]:
    """An array for every input, by its name."""
    names = [port.name for port in contract.inputs]
    there = npz_arrays(path)
    if set(there) != set(names):
        raise InputError(f"{path}: expected arrays {listed(names)}, found {listed(there)}")
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
        raise InputError(f"{array.place}: expected {port.dtype}, found {array.dtype}")
    if len(array.shape) != 1 + len(frame) or array.shape[1:] != frame:
        expected = ", ".join(map(str, ("time", *frame)))
        raise InputError(f"{array.place}: expected shape ({expected}), found {array.shape}")
    for part in array.parts(at_once):
        # A float that is too large for the dtype becomes an infinity, which `push` refuses; a whole number would wrap.
        with np.errstate(over="ignore"):
            frames = np.asarray(part, port.dtype)
        if kinds != "f" and not np.array_equal(frames, part):
            raise InputError(
                f"{array.place}: expected numbers that {port.dtype} holds, found {array.dtype} beyond them"
            )
        yield frames
