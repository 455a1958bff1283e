"""A library runs only where this machine built it or a key signed it, whatever the trust of the file."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exported import Exported
from native_library import compile_library, compiler

from rnnedge_runtime import InputError, ModelRefused, ProviderError, load, trust
from rnnedge_runtime.engines.native import _find as find
from rnnedge_runtime.engines.native import _memory_library as memory_library
from rnnedge_runtime.engines.native import cache
from rnnedge_runtime.signing import new_key, sign, signature_path

X = np.random.default_rng(0).standard_normal((24, 5), np.float32)
TRUST = (None, "local", "strict")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists and a cache of this test's own; libraries are compiled by the system's compiler."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(find, "installed_compiler", compiler)


@pytest.fixture
def file(native: Exported, tmp_path: Path) -> Path:
    """A file that was exported here, in a folder of its own."""
    (tmp_path / "sent").mkdir()
    path = tmp_path / "sent" / "net.onnx"
    shutil.copy(native.path, path)
    trust.remember(native.model.digest)
    return path


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Writes a library that leaves a mark as soon as it is opened; returns the path of the mark."""
    folder = tmp_path_factory.mktemp("planted")
    mark = folder / "mark"
    code = (
        '#include <stdio.h>\n__attribute__((constructor)) static void run(void) { fclose(fopen("MARK", "w")); }\n'
        "const char *rnnedge_library_v1(void) { return 0; }\n"
    )
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(folder / "planted.so")]
    subprocess.run(command, input=code.replace("MARK", str(mark)).encode(), check=True)

    def write(path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        path.unlink(missing_ok=True)
        shutil.copy(folder / "planted.so", path)
        mark.unlink(missing_ok=True)
        return mark

    return write


def runs(file: Path, asked: str | None = None, **options: object) -> np.ndarray:
    """What the file gives on its library."""
    found = load(file, provider="native", trust=asked, **options).run(X)  # type: ignore[arg-type]
    assert isinstance(found, np.ndarray)
    return found


def test_a_planted_library_leaves_its_mark_where_it_is_opened(planted: Callable[[Path], Path], tmp_path: Path) -> None:
    """So that the tests below can fail."""
    import ctypes

    mark = planted(tmp_path / "net.so")
    ctypes.CDLL(str(tmp_path / "net.so"))
    assert mark.exists()


@pytest.mark.parametrize("asked", TRUST)
@pytest.mark.parametrize("place", ["beside", "named", "folder", "link", "hard link"])
def test_a_library_from_elsewhere_does_not_run(
    file: Path, planted: Callable[[Path], Path], tmp_path: Path, asked: str | None, place: str
) -> None:
    """Not even beside a file that was exported here, nor where the call names it."""
    other = tmp_path / "other" / "net.so"
    mark = planted(file.with_suffix(".so") if place == "beside" else other)
    options = {}
    if place in ("named", "folder"):
        options = {"provider_options": {"native": {"library": str(other if place == "named" else other.parent)}}}
    elif place == "link":
        file.with_suffix(".so").symlink_to(other)
    elif place == "hard link":
        file.with_suffix(".so").hardlink_to(other)
    with pytest.raises(ProviderError, match=r"net\.so: a library runs as a program, and this one was not built on"):
        runs(file, asked, **options)
    assert not mark.exists()


@pytest.mark.parametrize("asked", TRUST)
def test_a_library_that_was_changed_in_the_cache_is_built_again(
    file: Path, native: Exported, planted: Callable[[Path], Path], tmp_path: Path, asked: str | None
) -> None:
    """So is one that the list of what was built here no longer has."""
    expected = native.model.run(X)
    np.testing.assert_allclose(runs(file, asked), expected, rtol=0, atol=1e-5)
    (library,) = tmp_path.glob("XDG_CACHE_HOME/rnnedge/native/*/*.so")
    mark = planted(library)
    np.testing.assert_allclose(runs(file, asked), expected, rtol=0, atol=1e-5)
    assert not mark.exists()
    own = library.read_bytes()
    library.write_bytes(own[: len(own) // 2])
    np.testing.assert_allclose(runs(file, asked), expected, rtol=0, atol=1e-5)
    (tmp_path / "XDG_STATE_HOME" / "rnnedge" / "built").unlink()
    np.testing.assert_allclose(runs(file, asked), expected, rtol=0, atol=1e-5)
    assert [path.name for path in library.parent.parent.iterdir()] == [library.parent.name]


def test_what_was_changed_does_not_run_where_nothing_compiles(
    file: Path, planted: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device with a cache and without a compiler."""
    runs(file)
    (library,) = tmp_path.glob("XDG_CACHE_HOME/rnnedge/native/*/*.so")
    # By any compiler, where the one here cannot say what it is.
    fails = find.Compiler(lambda *_: Path(), lambda _: (_ for _ in ()).throw(InputError("no compiler")))
    monkeypatch.setattr(find, "installed_compiler", lambda: fails)
    runs(file)
    mark = planted(library)
    with pytest.raises(ProviderError, match="this one was not built on this machine"):
        runs(file)
    assert not mark.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_cache_that_others_can_write_is_refused(file: Path, tmp_path: Path) -> None:
    """Each of its folders; and what is in it stays as it is."""
    runs(file)
    (library,) = tmp_path.glob("XDG_CACHE_HOME/rnnedge/native/*/*.so")
    for folder, mode in itertools.product(library.parents[:3], (0o777, 0o770, 0o702, 0o1777)):
        folder.chmod(mode)
        with pytest.raises(
            ProviderError, match=rf"{folder}: a cache that is not safe: other users can write it \(mode"
        ):
            runs(file)
        folder.chmod(0o755)
        runs(file)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
def test_a_cache_of_another_user_is_refused(file: Path, tmp_path: Path) -> None:
    """Though nobody else could write it."""
    runs(file)
    os.chown(tmp_path / "XDG_CACHE_HOME" / "rnnedge", 12345, 12345)
    with pytest.raises(ProviderError, match=r"it belongs to another user \(12345\)"):
        runs(file)


def test_a_cache_behind_a_link_is_refused(file: Path, tmp_path: Path) -> None:
    """The folder of rnnedge itself is no link."""
    runs(file)
    own = tmp_path / "XDG_CACHE_HOME" / "rnnedge"
    own.rename(tmp_path / "away")
    own.symlink_to(tmp_path / "away")
    with pytest.raises(ProviderError, match="a cache that is not safe: it is a link"):
        runs(file)


@pytest.mark.parametrize("value", ["", "relative", "./cache"])
def test_without_a_home_there_is_no_cache(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """And nothing in the current folder, whatever the variables say; a library that is named runs all the same."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    library = compile_library(file.read_bytes(), tmp_path / "sent", stem="other")
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, value)
    # What Python does for a user without a home.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    for asked in ("local", "strict"):
        with pytest.raises(ProviderError, match=r"no cache for libraries \(the user has no home"):
            runs(file, asked)
    with pytest.raises(ProviderError, match="this one was not built on this machine"):
        runs(file, "local", provider_options={"native": {"library": str(library)}})
    assert list((tmp_path / "here").iterdir()) == []


def test_a_relative_home_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in HOME=. or HOME=~, which some services have."""
    monkeypatch.delenv("XDG_CACHE_HOME")
    for home in (".", "~", "home"):
        monkeypatch.setenv("HOME", home)
        with pytest.raises(ProviderError, match="the user has no home"):
            cache.cached("0" * 64, "native", "cc")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cached("0" * 64, "native", "cc") is None


def test_what_was_looked_at_is_what_runs(
    file: Path, native: Exported, planted: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody puts another library in its place after the look, before it is opened."""
    library = compile_library(file.read_bytes(), tmp_path / "sent")
    marks = []
    real = find.built_here

    def then_swapped(digest: str) -> bool:
        answer = real(digest)
        marks.append(planted(library))
        return answer

    monkeypatch.setattr(find, "built_here", then_swapped)
    np.testing.assert_allclose(runs(file), native.model.run(X), rtol=0, atol=1e-5)
    assert len(marks) == 1 and not marks[0].exists()


@pytest.mark.parametrize("memory", [True, False], ids=["memory", "folder"])
def test_every_library_is_opened_as_itself(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: bool
) -> None:
    """Though the loader knows names only, and descriptors have the numbers of those before; nothing is left behind."""
    if not memory:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "scratch").mkdir()
    opened = []
    for number in range(3):
        source = f"int number(void) {{ return {number} + {1000 * memory}; }}"
        command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(tmp_path / "net.so")]
        subprocess.run(command, input=source.encode(), check=True)
        content = (tmp_path / "net.so").read_bytes()
        opened.append(memory_library.open_library(content, find.sha256(content).hexdigest(), "net.so"))
    assert [one.number() for one in opened] == [1000 * memory + number for number in range(3)]
    assert list((tmp_path / "scratch").iterdir()) == []
    assert memory_library.open_library(content, find.sha256(content).hexdigest(), "net.so") is opened[-1]


def test_weights_beside_a_library_are_read_once(file: Path, native: Exported, tmp_path: Path) -> None:
    """What becomes of the file while the model runs, overwritten or emptied, changes nothing."""
    library = compile_library(file.read_bytes(), tmp_path / "sent", weights="blob")
    weights = library.with_suffix(".weights")
    model = load(file, provider="native")
    with weights.open("r+b") as opened:
        opened.write(bytes(weights.stat().st_size))
    np.testing.assert_allclose(model.run(X), native.model.run(X), rtol=0, atol=1e-5)
    os.truncate(weights, 0)
    np.testing.assert_allclose(model.run(X), native.model.run(X), rtol=0, atol=1e-5)


def test_a_signature_of_the_key_lets_it_run(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Callable[[Path], Path]
) -> None:
    """Of the library itself: neither that of the file, nor of another key, nor of another library."""
    library = compile_library(file.read_bytes(), tmp_path / "sent")
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    key = tmp_path / "key.pem"
    public = new_key(key)
    sign(file, key)
    with pytest.raises(ProviderError, match=r"net\.so\.sig: cannot be read"):
        runs(file, "local", key=public)
    shutil.copy(signature_path(file), signature_path(library))
    with pytest.raises(ProviderError, match="expected the content that"):
        runs(file, "local", key=public)
    sign(library, key)
    runs(file, "local", key=public)
    with pytest.raises(ProviderError, match="this one was not built on this machine"):
        runs(file, "local")
    with pytest.raises(ModelRefused, match="expected the content that"):
        runs(file, "local", key=new_key(tmp_path / "other.pem"))
    mark = planted(library)
    with pytest.raises(ProviderError, match="expected the content that"):
        runs(file, "local", key=public)
    assert not mark.exists()
