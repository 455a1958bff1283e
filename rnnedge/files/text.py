"""Files of text: UTF-8, with or without a byte order mark."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

from rnnedge_runtime.errors import InputError
from rnnedge_runtime.plain_file import open_plain

_OTHER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def open_text(path: Path, errors: str = "strict") -> IO[str]:
    """A table to read, with its line ends; a byte order mark is not part of it.

    Raises `InputError` where the file cannot be read, is no regular file, or its mark says that it is UTF-16 or UTF-32.
    """
    file = open_plain(path)
    head = file.read(4)
    file.seek(0)
    for mark, encoding in _OTHER_MARKS.items():
        if head.startswith(mark):
            file.close()
            raise InputError(f"{path}: expected UTF-8, found the byte order mark of {encoding}; save it as UTF-8")
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors=errors, newline="")
