"""Signatures: who made a file or a native library, where a seal says only that a file is whole.

A signature stands beside the file, `model.onnx.sig` or `model.so.sig`: a line that names the format, and base64 of an
Ed25519 signature (RFC 8032) over these bytes:

    "rnnedge-signature 1", a line feed, SHA-256 of the whole file (32 bytes)

Keys are PEM files: PKCS #8 for the private one, SubjectPublicKeyInfo for the public one, as openssl writes them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from pathlib import Path
from typing import Any

from rnnedge_runtime.atomic import write_bytes
from rnnedge_runtime.engines.native.abi import ENTRY
from rnnedge_runtime.errors import InputError, MissingExtra, ModelRefused
from rnnedge_runtime.seal import check_seal

_HEADER = b"rnnedge-signature 1\n"
_SIGNATURE_BYTES = 64
# How the libraries of Linux, macOS and Windows begin.
_LIBRARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ")
# A PEM of Ed25519 has 119 bytes and fewer; whatever is far longer is no key, and need not be read.
_MOST_BYTES = 4096


def signature_path(file: str | os.PathLike[str]) -> Path:
    """Where the signature of `file` stands."""
    return Path(f"{os.fspath(file)}.sig")


def public_path(key: str | os.PathLike[str]) -> Path:
    """Where the public half of the private key `key` is written: `key.pem` -> `key.pub.pem`."""
    return Path(key).with_suffix(".pub.pem")


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


def sign(file: str | os.PathLike[str], key: str | os.PathLike[str]) -> Path:
    """Sign a sealed file, or a library that was made from one, with a private key; returns the path of the signature.

    A library is not opened, since that would run it. Weights that are a file of their own need no signature: the
    library has their digest.

    Raises `ModelRefused` for a file that is missing, damaged or neither, `InputError` for a key that is none.
    """
    data = _read(file, ModelRefused, None)
    if data.startswith(_LIBRARIES):
        _check_library(data, os.fspath(file))
    else:
        check_seal(data, os.fspath(file))
    private = _private(key)
    signature = private.sign(_message(data))
    return write_bytes(signature_path(file), _HEADER + base64.b64encode(signature) + b"\n")


def check_signature(data: bytes, file: str | os.PathLike[str], key: str | os.PathLike[str]) -> None:
    """Raise `ModelRefused` unless the signature beside `file` is the one of `key` over `data`, the file's bytes.

    Raises `InputError` for a key that is none.
    """
    exceptions, _ = _cryptography()
    public, place = _public(key), signature_path(file)
    text = _read(place, ModelRefused, "sign it with 'rnnedge sign', or load it without a key")
    try:
        if not text.startswith(_HEADER):
            raise ValueError("no such header")
        signature = base64.b64decode(text.removeprefix(_HEADER).removesuffix(b"\n"), validate=True)
        if len(signature) != _SIGNATURE_BYTES:
            raise ValueError(f"{len(signature)} bytes")
    except (ValueError, binascii.Error) as error:
        raise ModelRefused(
            f"{place}: expected a signature of 'rnnedge sign', found none ({error}); sign again"
        ) from None
    try:
        public.verify(signature, _message(data))
    except exceptions.InvalidSignature:
        raise ModelRefused(
            f"{os.fspath(file)}: expected the content that {os.fspath(key)} signed, found another, or another key's "
            "signature; get file and signature again from whoever signed them"
        ) from None


def _check_library(data: bytes, name: str) -> None:
    if ENTRY.encode() not in data:
        raise ModelRefused(f"{name}: expected a library of 'rnnedge compile', found another; compile the file again")


def _message(data: bytes) -> bytes:
    return _HEADER + hashlib.sha256(data).digest()


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
    pem = _read(path, InputError, "make one with 'rnnedge sign FILE --key key.pem --new-key'")
    try:
        return read(pem)
    # cryptography raises ValueError, TypeError (a password is missing) and UnsupportedAlgorithm.
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: expected an Ed25519 key in PEM, found none ({reason[:80]})") from error


def _read(path: str | os.PathLike[str], kind: type[InputError | ModelRefused], remedy: str | None) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read() if remedy is None else file.read(_MOST_BYTES)
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror}); {remedy or 'check the path'}") from error


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography import exceptions
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtra("signatures need cryptography; install 'rnnedge[sign]'") from error
    return exceptions, ed25519
