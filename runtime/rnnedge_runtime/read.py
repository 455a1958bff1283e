"""The bytes of a model file: a plain file, and no longer than its trust allows."""

from __future__ import annotations

import os
import stat

from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.seal import DIGITS
from rnnedge_runtime.trust import trust_of


def read_model(path: str | os.PathLike[str], trust: str | None) -> bytes:
    """The whole file at `path`.

    The digest that stands at its end, which `check_seal` compares with the content later, decides with `trust` whether
    the file is somebody else's; such a one has a limit.

    Raises `ModelRefused` for what is missing, no plain file, or too long.
    """
    name = os.fspath(path)
    try:
        # A pipe or a device would be waited for; opening one must not wait either.
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise ModelRefused(f"{name}: expected a plain file, found a pipe or a device; copy it to a file first")
        with open(path, "rb") as file:
            file.seek(max(0, found.st_size - DIGITS))
            claimed = file.read(DIGITS).decode("ascii", "replace")
            file.seek(0)
            if trust_of(claimed, trust) == "local":
                return file.read()
            from rnnedge_runtime.careful.limits import LIMITS

            data = file.read(LIMITS.file_bytes + 1)
    except OSError as error:
        raise ModelRefused(f"{name}: cannot be read ({error.strerror}); check the path") from error
    if len(data) > LIMITS.file_bytes:
        raise ModelRefused(
            f"{name}: expected at most {LIMITS.file_bytes:,} bytes in a file from somebody else, found "
            f"{found.st_size:,}; load it with trust='local' if you trust whoever made it"
        )
    return data
