"""Signatures: who made a file or a native library, where a seal says only that a file is whole.

A signature stands beside the file, `model.onnx.sig` or `model.so.sig`, as `signature_text.py` describes it: over the
file, what kind it is, a name and the number of a release.

Keys are PEM files: PKCS #8 for the private one, SubjectPublicKeyInfo for the public one, as openssl writes them.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from rnnedge_runtime._signature_text import LIBRARY, MODEL, Statement, check_release, read_text
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.atomic import write_bytes
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.engines.native.abi import ENTRY
from rnnedge_runtime.errors import InputError, MissingExtra, ModelRefused
from rnnedge_runtime.plain_file import LARGEST, read_plain

# How the libraries of Linux, macOS and Windows begin.
_LIBRARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ")
# A PEM of Ed25519 has 119 bytes and fewer; whatever is far longer is no key, and need not be read.
_MOST_BYTES = 4096


@checked
def signature_path(file: str | os.PathLike[str]) -> Path:
    """Where the signature of `file` stands."""
    return Path(f"{os.fspath(file)}.sig")


@checked
def public_path(key: str | os.PathLike[str]) -> Path:
    """Where the public half of the private key `key` is written: `key.pem` -> `key.pub.pem`."""
    return Path(key).with_suffix(".pub.pem")


@checked
def new_key(path: str | os.PathLike[str]) -> Path:
    """Make a key pair: the private one at `path`, for its owner only, the public one at `public_path(path)`.

    Raises `InputError` where either exists already, or cannot be written.
    """
    _, ed25519 = _cryptography()
    from cryptography.hazmat.primitives import serialization as form

    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    for target in (Path(path), public_path(path)):
        if target.exists():
            raise InputError(f"{target}: a key is there already; choose another name, or sign without making one")
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a folder that is writable") from error
    with os.fdopen(handle, "wb") as file:
        file.write(private)
    return write_bytes(public_path(path), public)


@checked
def sign(
    file: str | os.PathLike[str], key: str | os.PathLike[str], *, name: str | None = None, release: int = 0
) -> Path:
    """Sign a sealed file, or a library that was made from one, with a private key; returns the path of the signature.

    `name`: what the file is, for whoever loads it; by default that of the file without its ending. `release`: a number
    that grows with every file of that name. A library is not opened, since that would run it. Weights that are a file
    of their own need no signature: the library has their digest.

    Raises `ModelRefused` for a file that is missing, damaged or neither, `InputError` for a key that is none, and for a
    name of several lines.
    """
    data = read_plain(file, ModelRefused, most=LARGEST)
    library = data.startswith(_LIBRARIES)
    if library:
        _check_library(data, os.fspath(file))
    else:
        check_seal(data, os.fspath(file))
    statement = Statement(LIBRARY if library else MODEL, _name_of(file) if name is None else name, release)
    signature = _private(key).sign(statement.message(data))
    return write_bytes(signature_path(file), statement.text(signature))


def check_signature(
    data: bytes,
    file: str | os.PathLike[str],
    key: str | os.PathLike[str],
    kind: str = MODEL,
    *,
    signed_as: str | None = None,
    release: int = 0,
) -> None:
    """Raise `ModelRefused` unless the signature beside `file` is the one of `key` over `data`, the file's bytes.

    It has to be of this `kind`, of this `release` or a later one, and, for a model, of the name `signed_as`, by default
    that of the file. A library names the file that it was made of by its content.
    Raises `InputError` for a key that is none.
    """
    check_release(release)
    exceptions, _ = _cryptography()
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
    _check_statement(found, os.fspath(place), kind, signed_as, _name_of(file), release)


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


def _name_of(file: str | os.PathLike[str]) -> str:
    return Path(file).stem


def _check_library(data: bytes, name: str) -> None:
    if ENTRY.encode() not in data:
        raise ModelRefused(f"{name}: expected a library of 'rnnedge compile', found another; compile the file again")


def _private(path: str | os.PathLike[str]) -> Any:
    _, ed25519 = _cryptography()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _key(path, lambda pem: load_pem_private_key(pem, password=None))
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InputError(f"{path}: expected a private Ed25519 key in PEM, found another kind; make one with --new-key")
    return key


def _public(path: str | os.PathLike[str]) -> Any:
    _, ed25519 = _cryptography()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _key(path, load_pem_public_key)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InputError(f"{path}: expected a public Ed25519 key in PEM, found another kind; use the .pub.pem file")
    return key


def _key(path: str | os.PathLike[str], read: Any) -> Any:
    pem = read_plain(path, InputError, "make one with 'rnnedge sign FILE --key key.pem --new-key'", _MOST_BYTES)
    try:
        return read(pem)
    # cryptography raises ValueError, TypeError (a password is missing) and UnsupportedAlgorithm.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: expected an Ed25519 key in PEM, found none ({reason[:80]})") from error


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography import exceptions
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("signatures need cryptography; install 'rnnedge[sign]'") from error
    return exceptions, ed25519
