"""Frames out of files and pipes, as they come: CSV, JSON lines, NPY, WAV, and NPZ for several inputs.

Every reader yields (time, ...) arrays of the input's dtype, and names file, row and column of what it cannot read.
"""

from __future__ import annotations

import errno
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from rnnedge.files.arrays import StoredArray, listed, npz_arrays, open_npy, open_npz
from rnnedge.files.riff import PCM, Wav, read_wav_header
from rnnedge.files.text import open_text
from rnnedge.frames._text_lines import read_lines
from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames
from rnnedge_runtime.plain_file import open_plain


def read_frames(source: str, contract: Contract) -> Iterator[Frames]:
    """The frames of `source`: a path by its ending, or "-" for CSV or JSON lines on standard input."""
    names = [port.name for port in contract.inputs]
    if len(names) > 1 and not source.lower().endswith(".npz"):
        raise InputError(f"{source}: the model has the inputs {names}; give a .npz file with an array of each name")
    if source == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")
        return _text(lambda: nullcontext(sys.stdin), "standard input", contract, 1)
    path = Path(source)
    try:
        if not path.is_file():
            raise InputError(
                f"{source}: no such file; give a .csv, .jsonl, .npy, .npz or .wav file, or - for standard input"
            )
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error
    ending = path.suffix.lower()
    if ending == ".npy":
        return _npy(path, contract)
    if ending == ".npz":
        return _npz(path, contract)
    if ending == ".wav":
        return _wav(path, contract)
    if ending in (".csv", ".txt", ".jsonl", ".json"):
        return _text(partial(open_text, path, errors="replace"), source, contract, contract.piece)
    raise InputError(f"{source}: expected .csv, .jsonl, .npy, .npz or .wav, found {ending or 'no ending'}")


def _text(
    opened: Callable[[], AbstractContextManager[IO[str]]], name: str, contract: Contract, at_once: int
) -> Iterator[Array]:
    try:
        with opened() as file:
            yield from read_lines(file, name, contract, at_once)
    except OSError as error:
        reason = "it is closed" if error.errno == errno.EBADF else error.strerror
        raise InputError(f"{name}: cannot be read ({reason})") from error


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


def _wav(path: Path, contract: Contract) -> Iterator[Array]:
    """PCM16 mono; as many samples a frame as the model has features (1 where a frame is a number), in [-1, 1)."""
    port = contract.inputs[0]
    frame = tuple(int(d) for d in port.frame_shape)
    if sum(d > 1 for d in frame) > 1 or not port.dtype.startswith("float"):
        raise InputError(f"{path}: this model's frames are {port.dtype} {frame}, not samples")
    wav, size = read_wav_header(path), math.prod(frame)
    _check_samples(wav, path, contract, size)
    left = wav.size // 2
    with open_plain(path) as file:
        file.seek(wav.start)
        while left:
            count = min(left, size * contract.piece)
            data = file.read(2 * count)
            if len(data) < 2 * count:
                raise InputError(f"{path}: cut short while it was read; copy it again")
            left -= count
            samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
            whole = count // size * size
            if whole < count:
                warnings.warn(
                    f"{path}: the last {count - whole} samples are no whole frame and are dropped", stacklevel=2
                )
            yield samples[:whole].reshape(-1, *frame)
    if wav.size % 2:
        warnings.warn(f"{path}: the last byte is no whole sample", stacklevel=2)


def _check_samples(wav: Wav, path: Path, contract: Contract, size: int) -> None:
    """Raise `InputError` where the samples are not those that the model takes, `size` of them a frame."""
    if (wav.format, wav.channels, wav.bits) != (PCM, 1, 16):
        kind = "" if wav.format == PCM else f" in format {wav.format}"
        raise InputError(f"{path}: expected 1 channel of 16 bits, found {wav.channels} of {wav.bits}{kind}; convert it")
    rate = None if contract.frame_rate_hz is None else contract.frame_rate_hz * size
    if rate is not None and abs(wav.rate_hz - rate) > 0.5:
        raise InputError(
            f"{path}: expected {rate:g} samples per second ({size} a frame), found {wav.rate_hz}; "
            "resample it, or extract the features that the model takes"
        )
