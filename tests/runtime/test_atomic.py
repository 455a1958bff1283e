"""What stands at a path stays what it is: a file is replaced, a link leads on, a pipe and a device get the bytes."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from in_one_test import in_one_test

from rnnedge_runtime import InputError
from rnnedge_runtime.atomic import check_writable, open_text, write_bytes, write_text

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes, links and modes of POSIX")


def _by_bytes(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def _by_lines(path: Path, text: str) -> None:
    with open_text(path) as file:
        file.write(text)


Write = Callable[[Path, str], object]
every_way = pytest.mark.parametrize("write", [_by_bytes, _by_lines, write_text])


def names(folder: Path) -> set[str]:
    """What is in a folder."""
    return {path.name for path in folder.iterdir()}


@every_way
@in_one_test("mode", [0o600, 0o640, 0o755])
def test_a_file_keeps_its_mode(write: Write, mode: int, tmp_path: Path) -> None:
    """A new one has that of the umask."""
    path = tmp_path / "a.txt"
    write(path, "one")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    path.chmod(mode)
    write(path, "two")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("two", mode)
    assert names(tmp_path) == {"a.txt"}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    """Where the system allows it."""
    path = write_bytes(tmp_path / "a", b"one")
    os.chown(path, 1234, 2345)
    write_bytes(path, b"two")
    assert (path.stat().st_uid, path.stat().st_gid, path.read_bytes()) == (1234, 2345, b"two")


@every_way
@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(write: Write, there: bool, tmp_path: Path) -> None:
    """Over several links and folders, and where the file is not there yet."""
    (tmp_path / "far").mkdir()
    real = tmp_path / "far" / "real.txt"
    if there:
        real.write_text("old")
        real.chmod(0o600)
    (tmp_path / "folder").symlink_to("far")
    (tmp_path / "near.txt").symlink_to("folder/real.txt")
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "near.txt")
    check_writable(link)
    write(link, "new")
    assert link.is_symlink() and (tmp_path / "near.txt").is_symlink() and not real.is_symlink()
    assert real.read_text() == "new"
    assert names(tmp_path) == {"far", "folder", "near.txt", "link.txt"} and names(real.parent) == {"real.txt"}


@every_way
def test_a_pipe_gets_the_bytes(write: Write, tmp_path: Path) -> None:
    """And is still one."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    check_writable(path)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(path.read_text()))
    reader.start()
    write(path, "rows\n")
    reader.join(60)
    assert got == ["rows\n"] and path.is_fifo() and names(tmp_path) == {"pipe"}


def test_a_pipe_without_a_reader_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, not a hang."""
    monkeypatch.setattr("rnnedge_runtime._write_through._READER_S", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe: cannot be written .no program reads this pipe"):
        write_bytes(tmp_path / "pipe", b"x")


@every_way
def test_a_device_stays(write: Write, tmp_path: Path) -> None:
    """What is written to it is its affair; a full one is an error."""
    before = Path("/dev/null").stat()
    check_writable("/dev/null")
    write(Path("/dev/null"), "gone")
    (tmp_path / "null").symlink_to("/dev/null")
    write(tmp_path / "null", "gone")
    assert Path("/dev/null").stat().st_ino == before.st_ino and (tmp_path / "null").is_symlink()
    if Path("/dev/full").exists():
        with pytest.raises(InputError, match="No space left"):
            write(Path("/dev/full"), "x" * 100)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="as Linux names the streams of a process")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "link"])
def test_a_stream_of_the_process_is_written_through(name: str, tmp_path: Path) -> None:
    """Also where it is a regular file, which has to stay the one that the shell opened."""
    program = (
        "import sys; from rnnedge_runtime.atomic import *\n"
        "print('before', flush=True); write_bytes(sys.argv[1], b'rows\\n'); print('after')"
    )
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    path = tmp_path / "link" if name == "link" else name
    with (tmp_path / "out.txt").open("w") as out:
        subprocess.run([sys.executable, "-c", program, str(path)], stdout=out, check=True, timeout=60)
        assert os.fstat(out.fileno()).st_ino == (tmp_path / "out.txt").stat().st_ino
    assert (tmp_path / "out.txt").read_text() == "before\nrows\nafter\n"


def _socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


def _endless(path: Path) -> None:
    path.symlink_to(path.name)


def _protected(path: Path) -> None:
    path.write_text("mine")
    path.chmod(0o400)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "it is a folder"),
        (_endless, "Too many levels of symbolic links"),
        pytest.param(_socket, "no file", marks=pytest.mark.filterwarnings("ignore::ResourceWarning")),
        pytest.param(
            _protected,
            "write-protected",
            marks=pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may write everything"),
        ),
    ],
)
def test_anything_else_is_refused(
    make: Callable[[Path], object], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before long work and at its end, and stays as it was."""
    monkeypatch.chdir(tmp_path)
    path = Path("there")
    make(path)
    before = path.lstat()
    for act in (check_writable, lambda p: write_bytes(p, b"x"), lambda p: write_text(p, "x")):
        with pytest.raises(InputError, match=words):
            act(path)
    assert path.lstat().st_ino == before.st_ino and names(Path()) == {"there"}


@pytest.mark.parametrize("path", ["none/a.txt", "a.txt/b.txt", "n" * 300, "a\0b.txt"])
def test_a_path_that_cannot_be_is_named(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before long work and at its end."""
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("a")
    for act in (check_writable, lambda p: write_bytes(p, b"x")):
        with pytest.raises(InputError, match="cannot be written"):
            act(path)
    assert names(Path()) == {"a.txt"}


@every_way
@in_one_test("name", ["new/", "new//", "new/.", "new/..", "/", ".", "..", "folder/", "file/"])
def test_what_names_a_folder_is_no_file(write: Write, name: str, tmp_path: Path) -> None:
    """A separator at the end says so; asked first, too."""
    (tmp_path / "folder").mkdir(exist_ok=True)
    (tmp_path / "file").write_text("old")
    path = name if name == "/" else f"{tmp_path}/{name}"
    for act in (lambda: write(path, "new"), lambda: check_writable(path)):  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"names a folder"):
            act()
    assert names(tmp_path) == {"folder", "file"} and (tmp_path / "file").read_text() == "old"


@every_way
def test_a_name_may_be_as_long_as_the_file_system_has_it(write: Write, tmp_path: Path) -> None:
    """The temporary file has a shorter one."""
    path = tmp_path / ("é" * 127)
    write(path, "x")
    assert path.read_text() == "x"


@every_way
def test_an_error_leaves_what_was_there(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode and content, and nothing beside it."""
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o640)
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(InputError, match="No space left"):
        write(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("old", 0o640) and names(tmp_path) == {"a.txt"}
