"""The bytes of a model file: a plain file, and no longer than its trust allows."""

from __future__ import annotations

import os

from rnnedge_runtime.checksum import DIGITS
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.plain_file import LARGEST, open_plain, read_most
from rnnedge_runtime.trust import trust_of


def read_model(
    path: str | os.PathLike[str],
    trust: str | None,
    key: str | os.PathLike[str] | None = None,
    signed_as: str | None = None,
    release: int = 0,
) -> bytes:
    """The whole file at `path`, signed as `key`, `signed_as` and `release` say; see `rnnedge_runtime.load`.

    The digest that stands at its end, which `check_seal` compares with the content later, decides with `trust` whether
    the file is somebody else's; such a one has a limit.

    Raises `ModelRefused` for what is missing, no plain file, too long, or not signed so.
    """
    if key is None and (signed_as is not None or release):
        raise InputError("signed_as, release: say what a signature has to say; give the key that made it")
    data = _read(path, trust)
    if key is not None:
        from rnnedge_runtime._signature_check import check_signature

        check_signature(data, path, key, signed_as=signed_as, release=release)
    return data


def _read(path: str | os.PathLike[str], trust: str | None) -> bytes:
    name = os.fspath(path)
    with open_plain(path, ModelRefused) as file:
        try:
            file.seek(max(0, os.fstat(file.fileno()).st_size - DIGITS))
            claimed = file.read(DIGITS).decode("ascii", "replace")
            file.seek(0)
        except OSError as error:
            raise ModelRefused(f"{name}: cannot be read ({error.strerror}); check the path") from error
        if trust_of(claimed, trust) == "local":
            return read_most(file, name, ModelRefused, "ONNX has no longer ones", LARGEST)
        from rnnedge_runtime.untrusted.limits import LIMITS

        remedy = "if you trust whoever made it, load it with trust='local'"
        return read_most(file, name, ModelRefused, remedy, LIMITS.file_bytes)
