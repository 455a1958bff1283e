"""What a signature file says, and the bytes that are signed.

    rnnedge-signature 2
    kind: model
    name: speech
    release: 3
    <base64 of the Ed25519 signature (RFC 8032), 64 bytes>

Every line ends with a line feed. Signed are the first four lines, followed by SHA-256 of the whole file (32 bytes). So
a file cannot take the place of another one that the same key has signed, nor of a later release.

Format 1 has its first line only, "rnnedge-signature 1", and binds neither a name nor a release.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

from rnnedge_runtime.errors import InputError

MODEL, LIBRARY = "model", "library"
_OLD = b"rnnedge-signature 1\n"
_TEXT = re.compile(
    rb"rnnedge-signature 2\nkind: (model|library)\nname: ([^\n]+)\nrelease: (0|[1-9][0-9]{0,17})\n"
    rb"([A-Za-z0-9+/]{86}==)\n"
)
_OLD_TEXT = re.compile(_OLD + rb"([A-Za-z0-9+/]{86}==)\n")
_NAME_MOST, _RELEASE_MOST = 200, 10**18 - 1


@dataclass(frozen=True)
class Statement:
    """What is said of a file: `kind` is "model" or "library"; of format 1, `name` is None and nothing is known."""

    kind: str
    name: str | None
    release: int

    def __post_init__(self) -> None:
        """Raise `InputError` for a name that is no single line, or a release that is no number of one."""
        # Callers in Python give what they like.
        name: object = self.name
        if name is not None and not (isinstance(name, str) and name.isprintable() and 0 < len(name) <= _NAME_MOST):
            raise InputError(f"name to sign: expected 1 to {_NAME_MOST} printable characters, found {str(name)[:40]!r}")
        check_release(self.release)

    def message(self, data: bytes) -> bytes:
        """The bytes that are signed, for the file `data`."""
        return self._head() + hashlib.sha256(data).digest()

    def text(self, signature: bytes) -> bytes:
        """The signature file."""
        return self._head() + base64.b64encode(signature) + b"\n"

    def _head(self) -> bytes:
        if self.name is None:
            return _OLD
        return f"rnnedge-signature 2\nkind: {self.kind}\nname: {self.name}\nrelease: {self.release}\n".encode()


def read_text(text: bytes) -> tuple[Statement, bytes]:
    """The statement of a signature file, and its signature; raises `ValueError` where it is none."""
    if (old := _OLD_TEXT.fullmatch(text)) is not None:
        statement, coded = Statement("", None, 0), old[1]
    elif (found := _TEXT.fullmatch(text)) is not None:
        kind, name, release, coded = found.groups()
        statement = Statement(kind.decode(), name.decode(), int(release))
    else:
        raise ValueError("no such lines")
    signature = base64.b64decode(coded, validate=True)
    # Two texts of one signature would be two files that are the same.
    if base64.b64encode(signature) != coded:
        raise ValueError("no canonical base64")
    return statement, signature


def check_release(release: object) -> None:
    """Raise `InputError` for what is no number of a release."""
    if not isinstance(release, int) or isinstance(release, bool) or not 0 <= release <= _RELEASE_MOST:
        raise InputError(f"release: expected a whole number from 0 to {_RELEASE_MOST}, found {str(release)[:40]!r}")
