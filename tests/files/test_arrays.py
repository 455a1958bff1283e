"""NPY and NPZ: an array is what its file holds, or the file is refused; nothing in it is run, nothing is made first."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from in_one_test import in_one_test

from rnnedge.files import arrays
from rnnedge.files.arrays import open_npy, open_npz
from rnnedge_runtime import InputError


def npy(array: Any, **header: Any) -> bytes:
    """The bytes of an NPY file, with another header where one is given."""
    file = io.BytesIO()
    if not header:
        np.save(file, array, allow_pickle=True)
        return file.getvalue()
    fields = {"descr": "<f4", "fortran_order": False, "shape": (4, 3), **header}
    np.lib.format.write_array_header_1_0(file, fields)
    return file.getvalue() + np.asarray(array).tobytes()


def zipped(method: int = zipfile.ZIP_DEFLATED, **files: bytes) -> bytes:
    """An archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return file.getvalue()


X = np.arange(12, dtype=np.float32).reshape(4, 3)


@in_one_test("array", [X, X.astype(">f8"), np.asfortranarray(X), X[:0], X[0], np.arange(3), X.reshape(2, 2, 3)])
@in_one_test("rows", [1, 3, 100])
def test_parts_are_the_array(array: Any, rows: int, tmp_path: Path) -> None:
    """In either order of bytes and of axes, out of a file and out of an archive."""
    (tmp_path / "x.npy").write_bytes(npy(array))
    (tmp_path / "x.npz").write_bytes(zipped(x__npy=npy(array)))
    with open_npy(tmp_path / "x.npy") as stored:
        parts = list(stored.parts(rows))
    assert all(len(part) <= rows for part in parts)
    np.testing.assert_array_equal(np.concatenate([array[:0], *parts]), array)
    with open_npz(tmp_path / "x.npz") as several:
        np.testing.assert_array_equal(several["x"].read(), array)


_DAMAGED = {
    "too few": npy(X.ravel()[:11], shape=(4, 3)),
    "more than it says": npy(X, shape=(3, 3)),
    "a million million": npy(X, shape=(10**12, 3)),
    "beyond 64 bits": npy(X, shape=(10**30, 3)),
    "below nothing": npy(X, shape=(-4, -3)),
    "objects": npy(np.array([{}, []], object)),
    "fields": npy(np.zeros(4, [("a", "f4"), ("b", "f4")])),
    "a header of words": b"\x93NUMPY\x01\0\x10\0" + b"{'descr': open()}",
    "a deep header": b"\x93NUMPY\x01\0\xff\x20" + b"(" * 0x20FF,
    "a version of tomorrow": b"\x93NUMPY\x09\0" + npy(X)[8:],
    "a header cut short": npy(X)[:40],
    "nothing": b"",
    "text": b"1,2,3\n",
    "a pickle": b"\x80\x04]\x94.",
    "an archive": zipped(x__npy=npy(X)),
}


@in_one_test("kind", _DAMAGED)
@in_one_test("packed", [False, True])
def test_a_damaged_array_is_refused_in_a_line(kind: str, packed: bool, tmp_path: Path) -> None:
    """Before memory is taken for what it promises."""
    data = _DAMAGED[kind]
    path = tmp_path / ("x.npz" if packed else "x.npy")
    path.write_bytes(zipped(x__npy=data) if packed else data)
    tracemalloc.start()
    opening: Any = open_npz(path) if packed else open_npy(path)
    with pytest.raises(InputError) as error, opening as opened:
        (opened["x"] if packed else opened).read()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert peak < 4 << 20


def _patched(offset: int, value: bytes) -> bytes:
    data = bytearray(zipped(x__npy=npy(X)))
    for at in (offset, data.index(b"PK\x01\x02") + offset + 2):
        data[at : at + 2] = value
    return bytes(data)


@in_one_test(
    "data",
    [
        b"", b"hello", zipped(x__npy=npy(X))[:-30], zipped(x__npy=npy(X))[20:],
        _patched(8, b"\x63\0"), _patched(6, b"\1\0"),
        _patched(8, b"\x0c\0"), _patched(8, b"\x0e\0"), zipped(x=b"hello"), npy(X),
        zipped(zipfile.ZIP_STORED, x__npy=npy(X)).replace(X.tobytes(), X[::-1].tobytes()),
        zipped(x__npy=npy(X), x=npy(X)),
    ],
)  # fmt: skip
def test_a_damaged_archive_is_refused_in_a_line(data: bytes, tmp_path: Path) -> None:
    """Cut, of another method, encrypted, of another kind, without an array, with two of a name."""
    path = tmp_path / "x.npz"
    path.write_bytes(data)
    with pytest.raises(InputError) as error, open_npz(path) as opened:
        opened["x"].read()
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_bomb_is_read_in_parts(tmp_path: Path) -> None:
    """64 MiB of zeros out of 64 KiB need the memory of a part."""
    zeros = np.zeros((1 << 24, 1), np.float32)
    (tmp_path / "x.npz").write_bytes(zipped(x__npy=npy(zeros)))
    tracemalloc.start()
    with open_npz(tmp_path / "x.npz") as opened:
        rows = sum(len(part) for part in opened["x"].parts(1 << 12))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows == 1 << 24 and peak < 2 << 20


def test_an_array_that_memory_cannot_hold_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is read, where all of it is needed at once."""
    (tmp_path / "x.npy").write_bytes(npy(np.asfortranarray(X)))
    monkeypatch.setattr(arrays, "_memory_bytes", lambda: X.nbytes - 1)
    with open_npy(tmp_path / "x.npy") as stored, pytest.raises(InputError, match="48 bytes are more than the memory"):
        list(stored.parts(2))
    monkeypatch.setattr(arrays, "_memory_bytes", lambda: X.nbytes)
    with open_npy(tmp_path / "x.npy") as stored:
        assert stored.read().tolist() == X.tolist()
