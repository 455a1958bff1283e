"""A signature says who made a file; where a key is asked for, nothing else is taken."""

from __future__ import annotations

import builtins
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from exported import Exported

from rnnedge_runtime import InputError, MissingExtra, ModelRefused, load
from rnnedge_runtime._signature_check import check_signature
from rnnedge_runtime._signature_text import LIBRARY, Statement
from rnnedge_runtime.checksum import seal
from rnnedge_runtime.signing import new_key, public_path, sign, signature_path


@pytest.fixture
def signed(native: Exported, tmp_path: Path) -> tuple[Path, Path]:
    """A signed file and the public key."""
    path = tmp_path / "m.onnx"
    shutil.copy(native.path, path)
    public = new_key(tmp_path / "key.pem")
    assert sign(path, tmp_path / "key.pem") == signature_path(path)
    return path, public


def test_a_signed_file_is_loaded_with_its_key(signed: tuple[Path, Path]) -> None:
    """The same bytes, by whoever holds the private half."""
    path, public = signed
    assert load(path, key=public).digest == load(path).digest


def test_openssl_reads_the_keys_and_agrees(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """The format is plain Ed25519 over a header and a SHA-256, checked by another implementation."""
    import base64

    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path, public = signed
    text = signature_path(path).read_bytes()
    *head, coded = text.splitlines(keepends=True)
    assert b"".join(head) == b"rnnedge-signature 2\nkind: model\nname: m\nrelease: 0\n"
    (tmp_path / "raw.sig").write_bytes(base64.b64decode(coded))
    (tmp_path / "message").write_bytes(b"".join(head) + hashlib.sha256(path.read_bytes()).digest())
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public), "-rawin", "-in", "message",
               "-sigfile", "raw.sig"]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully")


def test_an_altered_file_is_refused_even_if_it_is_sealed_again(signed: tuple[Path, Path]) -> None:
    """The seal can be made by anybody, the signature cannot."""
    path, public = signed
    body = path.read_bytes()[: -len(seal(b""))]
    path.write_bytes(seal(body.replace(b"rnnedge", b"rnnedgy", 1)))
    with pytest.raises(ModelRefused, match=r"expected the content that .*key\.pub\.pem signed"):
        load(path, key=public)


def test_every_bit_of_a_signature_counts(signed: tuple[Path, Path]) -> None:
    """Each of its lines, damaged at each place, is refused."""
    path, public = signed
    text = signature_path(path).read_bytes()
    for place in range(len(text)):
        changed = bytearray(text)
        changed[place] ^= 1
        signature_path(path).write_bytes(bytes(changed))
        with pytest.raises(ModelRefused):
            load(path, key=public)
    signature_path(path).write_bytes(b"")
    with pytest.raises(ModelRefused, match="expected a signature of 'rnnedge sign', found none"):
        load(path, key=public)


def test_files_of_one_key_cannot_be_exchanged(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """Each is signed as its own name; whoever renamed one on purpose says so."""
    path, public = signed
    other = tmp_path / "other.onnx"
    shutil.copy(path, other)
    shutil.copy(signature_path(path), signature_path(other))
    with pytest.raises(
        ModelRefused, match=r"other\.onnx\.sig: expected the file that was signed as 'other', found 'm'"
    ):
        load(other, key=public)
    assert load(other, key=public, signed_as="m")
    with pytest.raises(ModelRefused, match="expected the file that was signed as 'n', found 'm'"):
        load(path, key=public, signed_as="n")
    sign(other, tmp_path / "key.pem", name="a name, of 2 words: ümlaut")
    assert load(other, key=public, signed_as="a name, of 2 words: ümlaut")
    # The name is part of what is signed.
    text = signature_path(other).read_bytes()
    signature_path(other).write_bytes(text.replace(b"a name, of 2 words: \xc3\xbcmlaut", b"other"))
    with pytest.raises(ModelRefused, match="expected the content that"):
        load(other, key=public)


def test_an_earlier_release_cannot_take_the_place_of_a_later_one(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """Where the device says which one it has; without that, every one is taken."""
    path, public = signed
    sign(path, tmp_path / "key.pem", release=3)
    for least in (0, 2, 3):
        assert load(path, key=public, release=least)
    with pytest.raises(ModelRefused, match=r"m\.onnx\.sig: expected release 4 or a later one, found 3"):
        load(path, key=public, release=4)
    text = signature_path(path).read_bytes()
    signature_path(path).write_bytes(text.replace(b"release: 3", b"release: 4"))
    with pytest.raises(ModelRefused, match="expected the content that"):
        load(path, key=public, release=4)


def test_a_signature_of_a_library_is_none_of_a_file(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """What is signed says what kind it is."""
    path, public = signed
    data = path.read_bytes()
    with pytest.raises(ModelRefused, match="expected the signature of a library, found that of a model"):
        check_signature(data, path, public, LIBRARY)
    check_signature(data, path, public)


def test_a_signature_of_format_1_is_taken_and_told(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """It says neither a name nor a release, and so is refused where one is asked for."""
    path, public = signed
    data, old = path.read_bytes(), Statement("", None, 0)
    key = load_pem_private_key((tmp_path / "key.pem").read_bytes(), None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    assert old.message(data) == b"rnnedge-signature 1\n" + hashlib.sha256(data).digest()
    signature_path(path).write_bytes(old.text(key.sign(old.message(data))))
    with pytest.warns(RuntimeWarning, match="format 1 says neither which file this is nor of which release; sign it"):
        assert load(path, key=public)
    for asked in ({"signed_as": "m"}, {"release": 1}):
        with pytest.raises(ModelRefused, match="expected a name and a release, found a signature of format 1"):
            load(path, key=public, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "two\nlines", "tab\t", "\x1b[31m", "n" * 201, "\ud800", 3])
def test_a_name_is_one_line_that_can_be_printed(signed: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    """Nothing else is signed, and the signature stays as it was."""
    path, public = signed
    before = signature_path(path).read_bytes()
    with pytest.raises(InputError, match=r"name( to sign)?: expected (a string|1 to 200 printable)"):
        sign(path, tmp_path / "key.pem", name=name)
    assert signature_path(path).read_bytes() == before and load(path, key=public)


@pytest.mark.parametrize("release", [-1, 10**18, True, 1.0, "1", None])
def test_a_release_is_a_whole_number(signed: tuple[Path, Path], tmp_path: Path, release: Any) -> None:
    """When it is signed, and when it is asked for."""
    path, public = signed
    with pytest.raises(InputError, match=r"release: expected (an integer|a whole number)"):
        sign(path, tmp_path / "key.pem", release=release)
    with pytest.raises(InputError, match=r"release: expected (an integer|a whole number)"):
        load(path, key=public, release=release)


def test_a_name_and_a_release_are_asked_of_a_key(signed: tuple[Path, Path]) -> None:
    """Without one nothing would check them."""
    path, _ = signed
    for asked in ({"signed_as": "m"}, {"release": 1}):
        with pytest.raises(InputError, match="give the key that made it"):
            load(path, **asked)  # type: ignore[arg-type]


def test_an_unsigned_file_and_another_key_are_refused(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """Where a key is asked for, silence is a refusal."""
    path, public = signed
    with pytest.raises(ModelRefused, match="expected the content that"):
        load(path, key=new_key(tmp_path / "other.pem"))
    signature_path(path).unlink()
    with pytest.raises(ModelRefused, match=r"m\.onnx\.sig: cannot be read .*'rnnedge sign'"):
        load(path, key=public)
    assert load(path)


def test_the_signature_is_checked_before_the_file_is_looked_at(signed: tuple[Path, Path]) -> None:
    """A file that is no model at all is refused for its signature."""
    path, public = signed
    path.write_bytes(b"no model")
    with pytest.raises(ModelRefused, match="expected the content that"):
        load(path, key=public)


def test_keys_that_are_none_are_named(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """A missing file, text, the wrong half of a pair, and a key of another kind."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec

    path, public = signed
    (tmp_path / "text.pem").write_text("hello")
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "ec.pem").write_bytes(other.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo))
    for key, words in (("none.pem", "cannot be read"), ("text.pem", "expected an Ed25519 key"),
                       ("key.pem", "expected an Ed25519 key"), ("ec.pem", "found another kind")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            load(path, key=tmp_path / key)
    with pytest.raises(InputError, match="expected an Ed25519 key"):
        sign(path, public)


def test_a_damaged_file_is_not_signed(signed: tuple[Path, Path], tmp_path: Path) -> None:
    """Nobody would vouch for it who knew."""
    path, _ = signed
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelRefused, match="damaged"):
        sign(path, tmp_path / "key.pem")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_private_key_is_its_owner_s_and_never_overwritten(tmp_path: Path) -> None:
    """Whatever the umask; a second call leaves the first pair as it is."""
    before = os.umask(0)
    try:
        new_key(tmp_path / "key.pem")
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    pair = [(tmp_path / name).read_bytes() for name in ("key.pem", "key.pub.pem")]
    with pytest.raises(InputError, match="a key is there already"):
        new_key(tmp_path / "key.pem")
    assert pair == [(tmp_path / name).read_bytes() for name in ("key.pem", "key.pub.pem")]
    assert public_path("a/key.pem") == Path("a/key.pub.pem")
    for nothing in ("", ".", "/", "..", "a/", Path(), Path("/")):
        with pytest.raises(InputError, match=r"expected|names a folder"):
            new_key(nothing)


def test_without_cryptography_the_extra_is_named(signed: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without a key loads as ever."""
    path, public = signed
    real = builtins.__import__

    def absent(name: str, *rest: Any) -> Any:
        if name.startswith("cryptography"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"rnnedge\[sign\]"):
        load(path, key=public)
    assert load(path)
