"""What the other machine gets: a tar archive of the model file and of rnnedge as it is here."""

from __future__ import annotations

import io
import os
import tarfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.plain_file import LARGEST, read_plain

PACKAGES = ("rnnedge", "rnnedge_export", "rnnedge_runtime")
# Packages lie in one folder of the archive, the model in the other, which is where the benchmark runs.
LIBRARY, WORK = "library", "work"


def pack(file: str | os.PathLike[str]) -> bytes:
    """The archive, tar.gz: sources without what Python compiled from them, no owner, no folder of the model.

    rnnedge is pure Python, so that what runs there is exactly what runs here, whatever is installed there.
    Raises `ModelRefused` where `file` cannot be read.
    """
    model = read_plain(file, ModelRefused, most=LARGEST)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for package in PACKAGES:
            folder = _folder(package)
            for path in sorted(folder.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    _add(tar, f"{LIBRARY}/{package}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        try:
            number = version("rnnedge")
        except PackageNotFoundError:
            pass
        else:
            metadata = f"Metadata-Version: 2.1\nName: rnnedge\nVersion: {number}\n"
            _add(tar, f"{LIBRARY}/rnnedge-{number}.dist-info/METADATA", metadata.encode())
        _add(tar, f"{WORK}/{Path(file).name}", model)
    return archive.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, package
    return Path(spec.origin).parent
