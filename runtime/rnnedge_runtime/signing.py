"""Signatures: who made a file or a native library, where a seal says only that a file is whole.

A signature stands next to the file, `model.onnx.sig` or `model.so.sig`, as `signature_text.py` describes it: over the
file, what kind it is, a name and the number of a release.

Keys are PEM files: PKCS #8 for the private one, SubjectPublicKeyInfo for the public one, as openssl writes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rnnedge_runtime._signature_check import cryptography_of_keys, name_of, read_key, signature_path
from rnnedge_runtime._signature_text import LIBRARY, MODEL, Statement
from rnnedge_runtime.annotated import checked
from rnnedge_runtime.arguments import file_path, shown
from rnnedge_runtime.atomic import as_file, write_bytes
from rnnedge_runtime.checksum import check_seal
from rnnedge_runtime.engines.native.abi import ENTRY
from rnnedge_runtime.errors import InputError, ModelRefused
from rnnedge_runtime.plain_file import LARGEST, read_plain

# How the libraries of Linux, macOS and Windows begin.
_LIBRARIES = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ")


__all__ = ["new_key", "public_path", "sign", "signature_path"]


@checked
def public_path(key: str | os.PathLike[str]) -> Path:
    """Where the public half of the private key `key` is written: `key.pem` -> `key.pub.pem`."""
    place = as_file(file_path(key, "public_path: key"))
    if not place.name:
        raise InputError(f"public_path: key: expected the name of a file, such as key.pem, found {shown(key)}")
    return place.with_suffix(".pub.pem")


@checked
def new_key(path: str | os.PathLike[str]) -> Path:
    """Make a key pair: the private one at `path`, for its owner only, the public one at `public_path(path)`.

    Raises `InputError` where either exists already, or cannot be written.
    """
    _, ed25519 = cryptography_of_keys()
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
    statement = Statement(LIBRARY if library else MODEL, name_of(file) if name is None else name, release)
    signature = _private(key).sign(statement.message(data))
    return write_bytes(signature_path(file), statement.text(signature))


def _check_library(data: bytes, name: str) -> None:
    if ENTRY.encode() not in data:
        raise ModelRefused(f"{name}: expected a library of 'rnnedge compile', found another; compile the file again")


def _private(path: str | os.PathLike[str]) -> Any:
    _, ed25519 = cryptography_of_keys()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = read_key(path, lambda pem: load_pem_private_key(pem, password=None))
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InputError(f"{path}: expected a private Ed25519 key in PEM, found another kind; make one with --new-key")
    return key
