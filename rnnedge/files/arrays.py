"""NPY and NPZ files: what they promise is compared with what is there, before an array is made of it.

Source: numpy's NEP 1 for the format; an NPZ is a zip archive of NPY files.
"""

from __future__ import annotations

import math
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

Array = np.ndarray[Any, np.dtype[Any]]
_ENDING = ".npy"
# Of names that a message lists.
_FEW = 8
# Bytes of an array that has to be in memory as a whole because its first axis is the last in the file.
_LARGEST_TURNED = 1 << 31


@dataclass(frozen=True)
class StoredArray:
    """An array that is still in its file, open while the block of `open_npy` or `open_npz` lasts."""

    place: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    stream: IO[bytes]

    @property
    def size_bytes(self) -> int:
        """As its header says, which is what is there."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> Array:
        """The whole of it."""
        if self.size_bytes > _memory_bytes():
            raise InputError(f"{self.place}: {self.size_bytes:,} bytes are more than the memory of this machine")
        data = bytearray(self.size_bytes)
        view, done = memoryview(data), 0
        while done < len(data):
            part = self.stream.read(min(len(data) - done, 1 << 24))
            if not part:
                raise _cut(self.place, len(data), done)
            view[done : done + len(part)] = part
            done += len(part)
        values = np.frombuffer(data, self.dtype)
        return values.reshape(self.shape[::-1]).T if self.fortran else values.reshape(self.shape)

    def parts(self, rows: int) -> Iterator[Array]:
        """Along the first axis, `rows` at a time; only one part is in memory."""
        if self.fortran and len(self.shape) > 1:
            if self.size_bytes > _LARGEST_TURNED:
                raise InputError(
                    f"{self.place}: {self.size_bytes:,} bytes in Fortran order; save numpy.ascontiguousarray of it"
                )
            whole = self.read()
            yield from (whole[start : start + rows] for start in range(0, len(whole), rows))
            return
        bytes_per_row = math.prod(self.shape[1:]) * self.dtype.itemsize
        for start in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - start)
            data = self.stream.read(count * bytes_per_row)
            if len(data) < count * bytes_per_row:
                raise _cut(self.place, self.size_bytes, start * bytes_per_row + len(data))
            yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])


@contextmanager
def open_npy(path: Path) -> Iterator[StoredArray]:
    """The array of an NPY file. Raises `InputError` for one that is damaged, cut short, or holds Python objects."""
    with _named(path, "NPY"), open_plain(path) as stream:
        yield _stored(stream, os.fstat(stream.fileno()).st_size, str(path))


@contextmanager
def open_npz(path: Path, names: tuple[str, ...] | None = None) -> Iterator[dict[str, StoredArray]]:
    """The arrays of an NPZ file by name, of `names` only where they are given.

    Raises `InputError` as `open_npy` does; also while the block lasts, for what zip finds as it unpacks.
    """
    with _named(path, "NPZ"), open_plain(path) as file, zipfile.ZipFile(file) as archive, ExitStack() as stack:
        entries = _entries(archive, path)
        missing = [name for name in names or () if name not in entries]
        if missing:
            raise InputError(f"{path}: expected the array {missing[0]!r}, found {listed(entries)}")
        yield {
            name: _stored(stack.enter_context(archive.open(entries[name])), entries[name].file_size, f"{path}: {name}")
            for name in (entries if names is None else names)
        }


def npz_arrays(path: Path) -> tuple[str, ...]:
    """The names of the arrays of an NPZ file."""
    with _named(path, "NPZ"), open_plain(path) as file, zipfile.ZipFile(file) as archive:
        return tuple(_entries(archive, path))


def listed(names: Any) -> str:
    """Some of many names, for a message."""
    every = sorted(names)
    more = f" and {len(every) - _FEW} more" if len(every) > _FEW else ""
    return ", ".join(repr(name if len(name) <= 40 else f"{name[:37]}...") for name in every[:_FEW]) + more or "none"


def _entries(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        name = entry.filename.removesuffix(_ENDING)
        if name in found:
            raise InputError(f"{path}: the array {name!r} appears twice; write it again")
        found[name] = entry
    return found


def _stored(stream: IO[bytes], size: int, place: str) -> StoredArray:
    """The array whose file of `size` bytes begins here."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"version {version} of the format")
    # The third version is the second one in UTF-8, which only the names of fields need.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        # That Python 2 has written it.
        warnings.simplefilter("ignore")
        shape, fortran, dtype = read(stream)
    if dtype.hasobject:
        raise InputError(
            f"{place}: expected numbers or text, found pickled objects, which are not loaded; save an array of "
            "float32, int64 or str"
        )
    if dtype.fields is not None or dtype.subdtype is not None or any(length < 0 for length in shape):
        raise InputError(f"{place}: expected an array of numbers, found {str(dtype)[:60]} {shape}")
    begins = stream.tell()
    stored = StoredArray(place, tuple(map(int, shape)), dtype, fortran, stream)
    if stored.size_bytes != size - begins:
        raise _cut(place, stored.size_bytes, size - begins)
    return stored


def _cut(place: str, expected: int, found: int) -> InputError:
    return InputError(f"{place}: expected {expected:,} bytes of the array, found {found:,}; write it again")


@contextmanager
def _named(path: Path, kind: str) -> Iterator[None]:
    """Whatever a damaged file makes of numpy and zip, which list no errors, is an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise InputError(f"{path}: not an {kind} file that can be read ({reason}); write it again") from error


def _memory_bytes() -> int:
    if not hasattr(os, "sysconf"):
        return 1 << 40
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
