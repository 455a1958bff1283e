"""Whether the signature next to a file or a library is the one that is asked for."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from rnnedge_runtime._signature_text import MODEL, Statement, check_release, read_text
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.errors import InputError, MissingExtra, ModelRefused
from rnnedge_runtime.plain_file import read_plain

# A PEM of Ed25519 has 119 bytes and fewer; whatever is far longer is no key, and need not be read.
_MOST_BYTES = 4096


@checked
def signature_path(file: str | os.PathLike[str]) -> Path:
    """Where the signature of `file` stands."""
    return Path(f"{os.fspath(file)}.sig")


def check_signature(
    data: bytes,
    file: str | os.PathLike[str],
    key: str | os.PathLike[str],
    kind: str = MODEL,
    *,
    signed_as: str | None = None,
    release: int = 0,
) -> None:
    """Raise `ModelRefused` unless the signature next to `file` is the one of `key` over `data`, the file's bytes.

    It has to be of this `kind`, of this `release` or a later one, and, for a model, of the name `signed_as`, by default
    that of the file. A library names the file that it was made of by its content.
    Raises `InputError` for a key that is none.
    """
    check_release(release)
    exceptions, _ = cryptography_of_keys()
    public, place = _public(key), signature_path(file)
    text = read_plain(place, ModelRefused, "sign it with 'rnnedge sign', or load it without a key", _MOST_BYTES)
    try:
        found, signature = read_text(text)
    except (ValueError, InputError) as error:
        raise ModelRefused(
            f"{place}: expected a signature of 'rnnedge sign', found none ({error}); sign again"
        ) from None
    try:
        public.verify(signature, found.message(data))
    except exceptions.InvalidSignature:
        raise ModelRefused(
            f"{os.fspath(file)}: expected the content that {os.fspath(key)} signed, found another, or another key's "
            "signature; get file and signature again from whoever signed them"
        ) from None
    _check_statement(found, os.fspath(place), kind, signed_as, name_of(file), release)


def _check_statement(found: Statement, place: str, kind: str, signed_as: str | None, called: str, release: int) -> None:
    if found.name is None:
        if signed_as is not None or release:
            raise ModelRefused(f"{place}: expected a name and a release, found a signature of format 1; sign again")
        warnings.warn(
            f"{place}: a signature of format 1 says neither which file this is nor of which release; sign it again",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    if found.kind != kind:
        raise ModelRefused(f"{place}: expected the signature of a {kind}, found that of a {found.kind}")
    expected = called if signed_as is None else signed_as
    if kind == MODEL and found.name != expected:
        raise ModelRefused(
            f"{place}: expected the file that was signed as {expected!r}, found {found.name!r}; if it was renamed on "
            "purpose, say so: signed_as= or --signed-as"
        )
    if found.release < release:
        raise ModelRefused(
            f"{place}: expected release {release} or a later one, found {found.release}; get the newer file"
        )


def name_of(file: str | os.PathLike[str]) -> str:
    """What a file is signed as, unless another name is given."""
    return Path(file).stem


def _public(path: str | os.PathLike[str]) -> Any:
    _, ed25519 = cryptography_of_keys()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = read_key(path, load_pem_public_key)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InputError(f"{path}: expected a public Ed25519 key in PEM, found another kind; use the .pub.pem file")
    return key


def read_key(path: str | os.PathLike[str], read: Any) -> Any:
    """What `read` makes of the PEM at `path`; raises `InputError` where it is none."""
    pem = read_plain(path, InputError, "make one with 'rnnedge sign FILE --key key.pem --new-key'", _MOST_BYTES)
    try:
        return read(pem)
    # cryptography raises ValueError, TypeError (a password is missing) and UnsupportedAlgorithm.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: expected an Ed25519 key in PEM, found none ({reason[:80]})") from error


def cryptography_of_keys() -> tuple[Any, Any]:
    """The modules `exceptions` and `ed25519`; raises `MissingExtra` where cryptography is not installed."""
    try:
        from cryptography import exceptions
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("signatures need cryptography; install 'rnnedge[sign]'") from error
    return exceptions, ed25519
