"""Frames out of files and pipes, as they come: CSV, JSON lines, NPY, WAV, and NPZ for several inputs.

Every reader yields (time, ...) arrays of the input's dtype, and names file, row and column of what it cannot read.
"""

from __future__ import annotations

import csv
import io
import json
import math
import sys
import wave
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnedge_runtime.contract import Array, Contract, Port
from rnnedge_runtime.errors import InputError
from rnnedge_runtime.frames import Frames

# Tokens: every integer dtype of a contract holds them.
_TOO_LARGE = 1 << 31


def read_frames(source: str, contract: Contract) -> Iterator[Frames]:
    """The frames of `source`: a path by its ending, or "-" for CSV or JSON lines on standard input."""
    names = [port.name for port in contract.inputs]
    if len(names) > 1 and not source.lower().endswith(".npz"):
        raise InputError(f"{source}: the model has the inputs {names}; give a .npz file with an array of each name")
    if source == "-":
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")
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
        opened = partial(path.open, newline="", encoding="utf-8", errors="replace")
        return _text(opened, source, contract, contract.piece)
    raise InputError(f"{source}: expected .csv, .jsonl, .npy, .npz or .wav, found {ending or 'no ending'}")


def _text(
    opened: Callable[[], AbstractContextManager[IO[str]]], name: str, contract: Contract, at_once: int
) -> Iterator[Array]:
    try:
        with opened() as file:
            yield from _lines(file, name, contract, at_once)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from error


def _lines(file: IO[str], name: str, contract: Contract, at_once: int) -> Iterator[Array]:
    """One frame a line: a JSON array where the line starts with "[", else comma-separated numbers.

    The first line may be a header. Lines are passed on `at_once` at a time.
    """
    port = contract.inputs[0]
    width = int(np.prod([d for d in port.frame_shape if isinstance(d, int)], dtype=int))
    rows: list[list[float]] = []
    for number, line in enumerate(file, 1):
        text = line.strip()
        if not text:
            continue
        cells = _cells(text, f"{name}, row {number}")
        if number == 1 and not text.startswith("[") and not any(_is_number(cell) for cell in cells):
            continue
        if len(cells) != width:
            raise InputError(f"{name}, row {number}: expected {width} numbers (one frame), found {len(cells)}")
        read = _number if port.dtype.startswith("float") else _whole_number
        rows.append([read(cell, f"{name}, row {number}, column {i}") for i, cell in enumerate(cells, 1)])
        if len(rows) >= at_once:
            yield _array(rows, contract)
            rows = []
    if rows:
        yield _array(rows, contract)


def _cells(text: str, place: str) -> list[Any]:
    if not text.startswith("["):
        try:
            return next(csv.reader([text]))
        except csv.Error as error:
            raise InputError(f"{place}: expected numbers between commas ({error})") from error
    try:
        return list(np.ravel(json.loads(text)).tolist())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: expected a JSON array of numbers ({error})") from error


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _number(cell: Any, place: str) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{place}: expected a number, found {str(cell)[:40]!r}") from None


def _whole_number(cell: Any, place: str) -> int:
    number = _number(cell, place)
    if not number.is_integer() or abs(number) >= _TOO_LARGE:
        raise InputError(f"{place}: expected a whole number, found {str(cell)[:40]!r}")
    return int(number)


def _array(rows: list[list[float]], contract: Contract) -> Array:
    # What is too large for the dtype becomes an infinity, which `push` refuses with its frame and feature.
    with np.errstate(over="ignore"):
        return np.array(rows, contract.inputs[0].dtype).reshape(-1, *_frame(contract))


def _npy(path: Path, contract: Contract) -> Iterator[Array]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: not an NPY file that can be read ({error})") from error
    yield from _pieces(array, contract.inputs[0], contract.piece, str(path))


def _npz(path: Path, contract: Contract) -> Iterator[Frames]:
    """An array for every input, by its name."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not an NPZ file that can be read ({error})") from error
    names = [port.name for port in contract.inputs]
    if set(arrays) != set(names):
        raise InputError(f"{path}: expected arrays {names}, found {sorted(arrays)}")
    counts = {name: len(array) for name, array in arrays.items() if array.ndim}
    if len(set(counts.values())) > 1:
        raise InputError(f"{path}: expected equally many frames of every input, found {counts}")
    parts = (_pieces(arrays[port.name], port, contract.piece, f"{path}: {port.name}") for port in contract.inputs)
    for pieces in zip(*parts, strict=True):
        yield dict(zip(names, pieces, strict=True))


def _pieces(array: Array, port: Port, at_once: int, place: str) -> Iterator[Array]:
    frame = tuple(int(d) for d in port.frame_shape)
    kinds = "f" if port.dtype.startswith("float") else "iu"
    if array.dtype.kind not in kinds:
        raise InputError(f"{place}: expected {port.dtype}, found {array.dtype}")
    if array.ndim != 1 + len(frame) or array.shape[1:] != frame:
        expected = ", ".join(map(str, ("time", *frame)))
        raise InputError(f"{place}: expected shape ({expected}), found {array.shape}")
    for start in range(0, len(array), at_once):
        yield np.asarray(array[start : start + at_once], port.dtype)


def _wav(path: Path, contract: Contract) -> Iterator[Array]:
    """PCM16 mono; as many samples a frame as the model has features (1 where a frame is a number), in [-1, 1)."""
    port, frame = contract.inputs[0], _frame(contract)
    if sum(d > 1 for d in frame) > 1 or not port.dtype.startswith("float"):
        raise InputError(f"{path}: this model's frames are {port.dtype} {frame}, not samples")
    size = math.prod(frame)
    try:
        with wave.open(str(path), "rb") as file:
            found = file.getnchannels(), file.getsampwidth() * 8
            if found != (1, 16):
                raise InputError(f"{path}: expected 1 channel of 16 bits, found {found[0]} of {found[1]}; convert it")
            rate = None if contract.frame_rate_hz is None else contract.frame_rate_hz * size
            if rate is not None and abs(file.getframerate() - rate) > 0.5:
                raise InputError(
                    f"{path}: expected {rate:g} samples per second ({size} a frame), found {file.getframerate()}; "
                    "resample it, or extract the features that the model takes"
                )
            while data := file.readframes(size * contract.piece):
                if len(data) % 2:
                    raise EOFError
                samples = np.frombuffer(data, "<i2").astype(np.float32) / 32768
                whole = len(samples) // size * size
                if whole < len(samples):
                    print(f"{path}: the last {len(samples) - whole} samples are no whole frame", file=sys.stderr)
                yield samples[:whole].reshape(-1, *frame)
    # RuntimeError: a chunk whose length leads before the start of the file.
    except (wave.Error, EOFError, OSError, RuntimeError) as error:
        raise InputError(f"{path}: not a WAV file that can be read ({str(error) or 'cut short'})") from error


def _frame(contract: Contract) -> tuple[int, ...]:
    return tuple(int(d) for d in contract.inputs[0].frame_shape)
