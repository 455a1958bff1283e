"""The seal's hash, with the interpreter's own code and with OpenSSL's."""

from __future__ import annotations

import hashlib
import sys

import pytest

from rnnedge_runtime import _sha256


@pytest.mark.parametrize("size", [0, 1, 64, _sha256._SHORT, _sha256._SHORT + 1])
@pytest.mark.parametrize("openssl", [True, False])
def test_every_road_gives_the_hash_of_the_standard_library(size: int, openssl: bool, monkeypatch) -> None:
    """Of data below and above the size from which OpenSSL is worth its import."""
    if not openssl:
        monkeypatch.delitem(sys.modules, "_hashlib", raising=False)
    data = bytes(range(256)) * (size // 256 + 1)
    assert _sha256.sha256(memoryview(data)[:size]).digest() == hashlib.sha256(data[:size]).digest()
