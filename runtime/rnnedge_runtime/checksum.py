"""The seal: a SHA-256 over everything before it, standing as the file's last 64 bytes.

Roughly a quarter of byte-damaged ONNX files still load and compute wrong numbers, so a file that says nothing about
its own content cannot be trusted. The seal is one more `metadata_props` entry of the `ModelProto`, appended to the
serialized bytes: protobuf reads repeated fields wherever they stand (encoding specification, "Last One Wins" and
"repeated" sections), so any ONNX tool still reads the file, and checking needs no protobuf parser:

    sha256(file[:-64]) == file[-64:]        64 lower-case hexadecimal digits

It detects damage and truncation. It is no signature: whoever changes a file on purpose can seal it again.
"""

from __future__ import annotations

from rnnedge_runtime._sha256 import sha256
from rnnedge_runtime.errors import ModelRefused

KEY = "rnnedge.sha256"
DIGITS = 64
_ENTRY = b"\x0a" + bytes([len(KEY)]) + KEY.encode() + b"\x12" + bytes([DIGITS])
# ModelProto.metadata_props is field 14, length-delimited: tag (14 << 3) | 2.
_HEADER = b"\x72" + bytes([len(_ENTRY) + DIGITS]) + _ENTRY


def seal(model: bytes) -> bytes:
    """Append the seal to a serialized `ModelProto`."""
    body = model + _HEADER
    return body + sha256(body).hexdigest().encode()


def check_seal(file: bytes, name: str) -> str:
    """Return the digest of a sealed file; `name` is how messages call it.

    Raises `ModelRefused` where the file is damaged, cut short, or was never sealed by rnnedge.
    """
    found = file[-DIGITS:]
    if file[-DIGITS - len(_HEADER) : -DIGITS] != _HEADER:
        if b"rnnedge." in file:
            raise ModelRefused(
                f"{name}: damaged: expected a seal in its last {DIGITS} bytes, found none "
                f"({len(file)} bytes; cut short?); copy or export it again"
            )
        raise ModelRefused(
            f"{name}: not an rnnedge model: expected an ONNX file with a contract and a seal, found neither; "
            "make one with 'rnnedge export'"
        )
    expected = sha256(file[:-DIGITS]).hexdigest()
    if found != expected.encode():
        raise ModelRefused(
            f"{name}: damaged: its content hashes to {expected[:12]}…, its seal says "
            f"{found[:12].decode('ascii', 'replace')!r}…; copy or export it again"
        )
    return expected
