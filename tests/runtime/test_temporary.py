"""A full folder of temporary files is one error, which names that folder and what helps."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rnnedge_runtime import InputError
from rnnedge_runtime.errors import Stalled
from rnnedge_runtime.temporary import temporary_folder

resource = pytest.importorskip("resource")


@contextmanager
def _files_of(most: int) -> Iterator[None]:
    """No file of this process gets larger than `most` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _write_in(place: Path) -> None:
    with temporary_folder("test") as folder:
        assert folder.parent == place and folder.name.startswith("rnnedge-test-")
        (folder / "a").write_bytes(b"x" * 100)


def test_a_folder_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the error of whoever writes into it; nothing is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(InputError, match=rf"^{tmp_path}: temporary files cannot .* TMPDIR"), _files_of(10):
        _write_in(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR may name anything."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(InputError, match="temporary files cannot be written"), temporary_folder("test"):
        pass


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(errno.ENOENT, "no", "/elsewhere"), OSError(errno.ENOSPC, "full", "/elsewhere"),
     OSError(errno.EIO, "bad"), Stalled("late"), ValueError("other")],
)  # fmt: skip
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    """Those of other files, of other kinds, and this project's own."""
    with pytest.raises(type(error)) as caught, temporary_folder("test"):
        raise error
    assert caught.value is error
