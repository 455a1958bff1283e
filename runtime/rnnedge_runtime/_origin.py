"""Where a model came from: what a user hands to `load`, and what another process needs to load the same file again."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

from rnnedge_runtime.arguments import file_path, shown, text
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.read import read_model


class Origin(NamedTuple):
    """A file at `path`, or else its bytes, `data`; and how it was asked for."""

    path: str | None
    data: bytes | None
    settings: Settings
    trust: str | None
    signed_as: str | None = None

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.path or "model"

    def read(self) -> bytes:
        """The bytes of the file, signed as it was asked for."""
        if self.data is None:
            path, settings = str(self.path), self.settings
            return read_model(path, self.trust, settings.key, self.signed_as, settings.release)
        if self.settings.key is not None or self.signed_as is not None or self.settings.release:
            raise InputError("load: key: bytes have no signature next to them; load the file by its path")
        return self.data

    def anywhere(self) -> Origin:
        """The same for a process, or a time, with another working folder."""
        key = self.settings.key
        settings = self.settings if key is None else replace(self.settings, key=_absolute(os.fspath(key)))
        return self._replace(path=self.path and _absolute(self.path), settings=settings)


def origin_of(given: object, settings: Settings, trust: str | None, signed_as: str | None = None) -> Origin:
    """Of a path, or of the bytes of a file, or of a file that is open for reading.

    Raises `InputError` for anything else, and `ModelRefused` for an open file without an end in sight.
    """
    if signed_as is not None:
        text(signed_as, "signed_as")
    if isinstance(given, (bytes, bytearray, memoryview)):
        return Origin(None, _bytes(given), settings, trust, signed_as)
    if not isinstance(given, (str, os.PathLike)) and callable(getattr(given, "read", None)):
        return Origin(None, _read(given, trust), settings, trust, signed_as)
    if not isinstance(given, (str, os.PathLike)):
        raise InputError(f"load: expected a path, or the bytes of a file, found {shown(given)}")
    return Origin(file_path(given, "load: path"), None, settings, trust, signed_as)


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    # The working folder has been removed; then nothing is in it either.
    except OSError:
        return path


def _bytes(given: bytes | bytearray | memoryview) -> bytes:
    try:
        return bytes(given)
    # A view whose buffer was released.
    except ValueError as error:
        raise InputError(f"load: expected the bytes of a file, found {error}") from error


def _read(file: object, trust: str | None) -> bytes:
    from rnnedge_runtime.untrusted.limits import LIMITS

    # How long a file of this machine may be is known only after its end.
    most = -1 if trust == "local" else LIMITS.file_bytes + 1
    try:
        data = file.read(most)  # type: ignore[attr-defined]
    # A file that is closed, or open for writing, or of somebody else's making.
    except Exception as error:
        raise InputError(f"load: {shown(file)} cannot be read ({type(error).__name__}: {error})") from error
    if not isinstance(data, bytes):
        raise InputError(f"load: expected a file that is open for reading bytes, found {shown(data)} in it")
    if 0 < most <= len(data):
        raise ModelRefused(
            f"load: expected at most {LIMITS.file_bytes:,} bytes in an open file; load it by its path, or with "
            "trust='local' if you trust whoever made it"
        )
    return data
