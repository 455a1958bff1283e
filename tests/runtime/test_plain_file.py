"""What a user names is a plain file of bounded size, or an error at once; nothing is waited for."""

from __future__ import annotations

import io
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from in_one_test import in_one_test

from rnnedge_runtime import InputError, ModelRefused
from rnnedge_runtime.plain_file import LARGEST, check_plain, open_plain, read_most, read_plain

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")


def listening(path: Path) -> None:
    """A socket that nobody answers at."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


OTHERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe": (os.mkfifo, "expected a plain file, found a pipe"),
    "a folder": (os.mkdir, "expected a plain file, found a directory"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "expected a plain file, found a device"),
    "a silent device": (
        lambda path: path.symlink_to("/dev/tty"),
        "expected a plain file, found a device|cannot be read",
    ),
    "a link to nothing": (lambda path: path.symlink_to("nowhere"), "cannot be read .No such file"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read .Too many levels"),
    "nothing": (lambda path: None, "cannot be read .No such file"),
}


@in_one_test("what", OTHERS)
def test_what_is_no_plain_file_is_an_error_at_once(tmp_path: Path, what: str) -> None:
    """With the class that is asked for, and the path."""
    put, words = OTHERS[what]
    path = tmp_path / "file"
    put(path)
    for read in (read_plain, open_plain, check_plain):
        for kind in (InputError, ModelRefused):
            with pytest.raises(kind, match=f"{path}: ({words})"):
                read(path, kind)


def test_a_reading_asks_for_no_more_than_the_file_has(tmp_path: Path) -> None:
    """A device of 32 bits has no 2 GiB to read the end of a file into."""

    class Asked(io.FileIO):
        """Says how much it was asked for."""

        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(-1 if size is None else size)

    asked: list[int | None] = []
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with Asked(str(path)) as file:
        assert read_most(file, "file", InputError, "", LARGEST) == b"0123456789"
    assert asked and all(size is not None and 0 < size <= 1 << 20 for size in asked)


def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a short name, since the system allows no long ones."""
    monkeypatch.chdir(tmp_path)
    listening(Path("socket"))
    with pytest.raises(InputError, match="socket: expected a plain file, found a socket"):
        read_plain("socket")


@pytest.mark.parametrize("path", ["null\0inside", "half\ud800", "x" * 5000])
def test_a_name_that_no_system_takes_is_an_error(path: str) -> None:
    """One line, whatever characters it has."""
    with pytest.raises(InputError, match="cannot be read"):
        read_plain(path)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    """Its last byte too; of a longer one no more is read than shows that."""
    path = tmp_path / "file"
    for size in (0, 1, 999, 1000):
        path.write_bytes(b"x" * size)
        assert read_plain(path, most=1000) == b"x" * size
    with path.open("wb") as file:
        # It has a length of a tebibyte, and nothing in it.
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"expected at most 1,000 bytes, found 1,099,511,627,776; make it short"):
        read_plain(path, remedy="make it short", most=1000)
    link = tmp_path / "link"
    path.write_bytes(b"whole")
    link.symlink_to(path)
    assert read_plain(link) == b"whole"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system shows no such files")
def test_a_file_of_no_length_is_read_to_its_end() -> None:
    """The system makes some up as they are read; those that never end have an end here."""
    assert b"VmRSS" in read_plain("/proc/self/status")
    with pytest.raises(InputError, match="expected at most 10 bytes, found 11"):
        read_plain("/proc/self/status", most=10)


def test_a_file_that_becomes_a_pipe_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody exchanges it between the look and the opening."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    real = os.open

    def then_exchanged(name: object, *rest: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return real(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", then_exchanged)
    with pytest.raises(InputError, match="expected a plain file, found a pipe"):
        read_plain(path)


def test_a_pipe_is_waited_for_by_others(tmp_path: Path) -> None:
    """So that the tests above have something to guard against."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    got = threading.Event()

    def read() -> None:
        path.read_bytes()
        got.set()

    threading.Thread(target=read, daemon=True).start()
    assert not got.wait(0.3)
    path.write_bytes(b"")
    assert got.wait(30)


def test_what_is_too_long_is_not_read(tmp_path: Path) -> None:
    """Two gigabytes of nothing take as much memory as those of something."""
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with path.open("rb") as opened:
        counting = _Counting(opened)
        with pytest.raises(InputError, match=f"expected at most {LARGEST:,} bytes, found {LARGEST + 1:,}"):
            read_most(counting, "long", InputError, "check the path", LARGEST)  # type: ignore[arg-type]
    assert not counting.asked


class _Counting:
    """A file that counts what it was asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.asked = file, 0

    def fileno(self) -> int:
        """Of the file."""
        return self._file.fileno()

    def read(self, size: int) -> bytes:
        """Of the file."""
        self.asked += size
        return self._file.read(size)


def test_a_file_that_cannot_be_closed_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a disk as it is closed loses nothing, and is none of another kind than ours."""

    class Unclosable(io.FileIO):
        def close(self) -> None:
            super().close()
            raise OSError(5, "Input/output error")

    (tmp_path / "a").write_bytes(b"abc")
    monkeypatch.setattr(io, "FileIO", Unclosable)
    assert read_plain(tmp_path / "a") == b"abc"
    with open_plain(tmp_path / "a") as file:
        assert file.read() == b"abc"
