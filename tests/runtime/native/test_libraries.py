"""Libraries that are built twice, half, wrongly or not at all."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from exported import Exported
from native_library import built_here, compile_library, compiler

from rnnedge_export.codegen import _source as source
from rnnedge_runtime import Model, ProviderError, load
from rnnedge_runtime.engines.native import _find as find
from rnnedge_runtime.engines.native import cache

X = np.random.default_rng(0).standard_normal((24, 5), np.float32)
BUILDING = """
import sys, time
from rnnedge_runtime.engines.native.cache import build_cached
def build(folder):
    (folder / "net.c").write_text("half")
    print("building", flush=True)
    time.sleep(600)
build_cached("d" * 64, "native", "cc", build)
"""
LOADING = """
import sys
import numpy as np
from rnnedge_runtime import load
model = load(sys.argv[1], provider="native", trust=sys.argv[2])
np.save(sys.argv[3], model.run(np.load(sys.argv[4])))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's libraries are kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "rnnedge" / "native"


def program(path: Path, text: str) -> Path:
    """A shell script that can be run."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def with_library(native: Exported, library: Path, trust: str = "local") -> Model:
    """The file on this library."""
    return load(native.path, provider="native", trust=trust, provider_options={"native": {"library": str(library)}})


def test_two_processes_build_at_once(
    native: Exported, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits until both compile; both get the same numbers, trust the one library, and nothing else is left."""
    met = tmp_path / "met"
    met.mkdir()
    script = f'case "$*" in *-shared*) touch {met}/$$; while [ $(ls {met} | wc -l) -lt 2 ]; do sleep 0.05; done;; esac'
    monkeypatch.setenv("CC", str(program(tmp_path / "cc", f'{script}\nexec cc "$@"')))
    np.save(tmp_path / "x.npy", X)
    command = [sys.executable, "-W", "ignore", "-c", LOADING, str(native.path), "strict"]
    both = [
        subprocess.Popen([*command, str(tmp_path / f"{k}.npy"), str(tmp_path / "x.npy")], stderr=subprocess.PIPE)
        for k in range(2)
    ]
    for one in both:
        _, said = one.communicate(timeout=120)
        assert one.returncode == 0, said.decode()
    found = [np.load(tmp_path / f"{k}.npy") for k in range(2)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0], native.model.run(X), rtol=0, atol=1e-5)
    assert len(list(met.iterdir())) == 2
    (kept,) = folder.iterdir()
    assert sorted(path.suffix for path in kept.iterdir()) == [".c", ".h", ".so"]


def test_what_a_killed_build_left_is_taken_away(
    native: Exported, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the next build, once it is old: another process may be at work in a younger one."""
    process = subprocess.Popen([sys.executable, "-c", BUILDING], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"building\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = folder.iterdir()
    assert left.suffix == ".tmp" and (left / "net.c").exists()
    monkeypatch.setattr(find, "installed_compiler", compiler)
    monkeypatch.setattr(find, "cached", lambda *_: None)
    load(native.path, provider="native")
    assert left.exists()
    os.utime(left, (time.time() - 2 * cache._STALE_S,) * 2)
    load(native.path, provider="native")
    assert [path.suffix for path in folder.iterdir()] == [""]


def test_a_folder_without_its_library_is_named(native: Exported, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has tidied up in the cache."""
    monkeypatch.setattr(find, "installed_compiler", compiler)
    load(native.path, provider="native")
    (kept,) = folder.iterdir()
    (kept / "net.so").unlink()
    with pytest.raises(ProviderError, match=f"{kept.name}: expected a library in it, found none; remove the folder"):
        load(native.path, provider="native")


def test_a_compiler_that_fails_keeps_its_message(
    native: Exported, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is left in the cache; the same for none at all."""
    fails = 'case "$*" in *-shared*) echo "net.c:7: error: on fire" >&2; exit 1;; *) exec cc "$@";; esac'
    monkeypatch.setenv("CC", str(program(tmp_path / "cc", fails)))
    with pytest.raises(ProviderError, match=r"^provider 'native': .*: error: on fire; .*provider='cpu'$") as caught:
        load(native.path, provider="native")
    log = re.search(r"all of it is in (\S+?);", str(caught.value))
    assert log is not None
    assert "net.c:7: error: on fire" in Path(log[1]).read_text()
    Path(log[1]).unlink()
    assert list(folder.iterdir()) == []
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ProviderError, match=r"^provider 'native': no C compiler: .*'no-such-compiler'.*='cpu'$"):
        load(native.path, provider="native")
    with pytest.warns(RuntimeWarning, match="no C compiler: .*the next provider takes its place"):
        assert load(native.path, provider="native,cpu").provider == "cpu"


def other_weights(text: str) -> str:
    """The C of a file with another bias, that says it is of this one."""
    at = text.index("bits[", text.index("float32 numbers by their bits"))
    start = text.index("{{", at) + 2
    end = text.index("}}", start)
    numbers = np.array([int(one, 16) for one in text[start:end].split(",")], np.uint32).view(np.float32)
    changed = ",".join(map(hex, (numbers + np.float32(0.01) * (numbers != 0)).view(np.uint32).tolist()))
    return f"{text[:start]}{changed}{text[end:]}"


@pytest.mark.parametrize(
    "edit",
    [
        other_weights,
        lambda text: text.replace("program = call->program;", "program = call->program; return 0;"),
        lambda text: re.sub(r"(void net_block_step\([^)]*\) \{)", "\\1 return;", text),
    ],
    ids=["other weights", "does nothing", "does nothing for many"],
)
def test_a_library_that_computes_something_else_is_refused(
    native: Exported, tmp_path: Path, edit: Callable[[str], str]
) -> None:
    """Though it is of the right file: the golden sample tells, in one line."""
    library = compile_library(native.path.read_bytes(), tmp_path, block=2, edit=edit)
    with pytest.raises(ProviderError) as caught:
        with_library(native, library)
    said = str(caught.value)
    assert re.match(
        rf"{library}: golden sample of .*, in a batch of \d+: expected an error of at most .*e-05, found \d\.\de",
        said,
    )
    assert "\n" not in said


def test_weights_of_their_own_are_checked(native: Exported, tmp_path: Path) -> None:
    """They lie beside the library; missing, cut, changed and empty ones are refused, whatever the trust."""
    library = compile_library(native.path.read_bytes(), tmp_path, block=2, weights="blob")
    weights = library.with_suffix(".weights")
    whole = weights.read_bytes()
    np.testing.assert_allclose(with_library(native, library).run(X), native.model.run(X), rtol=0, atol=1e-5)
    turned = bytearray(whole)
    turned[len(whole) // 2] ^= 1
    for content in (bytes(turned), whole[:-4], whole + bytes(4), bytes(len(whole)), b""):
        weights.write_bytes(content)
        with pytest.raises(ProviderError, match=rf"{weights}: expected the weights .* of {len(whole)} bytes, found"):
            with_library(native, library)
    weights.unlink()
    with pytest.raises(ProviderError, match=rf"{weights}: cannot be read \(No such file.*the weights of .*copy them"):
        with_library(native, library)


def test_a_library_that_is_built_has_its_weights_in_the_cache(
    native: Exported, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From 4 MB on; here from the first byte."""
    monkeypatch.setattr(source, "_BLOB_BYTES", 1)
    for _ in range(2):
        model = load(native.path, provider="native", trust="strict")
        np.testing.assert_allclose(model.run(X), native.model.run(X), rtol=0, atol=1e-5)
    (kept,) = folder.iterdir()
    assert sorted(path.suffix for path in kept.iterdir()) == [".c", ".h", ".so", ".weights"]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "file too short"), (b"text", "not a library"), (b"\x7fELF" + bytes(60), "not a library"), (None, "another")],
)
def test_what_is_no_library_is_refused(native: Exported, tmp_path: Path, content: bytes | None, words: str) -> None:
    """An empty file, text, a broken header, and somebody else's library."""
    path = tmp_path / "net.so"
    if content is not None:
        path.write_bytes(content)
    else:
        (tmp_path / "net.c").write_text("int one(void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "net.c", "-o", "net.so"], cwd=tmp_path, check=True)
    built_here(path)
    with pytest.raises(ProviderError, match=words):
        with_library(native, path)


def test_strict_trust_needs_no_onnxruntime(native: Exported, tmp_path: Path) -> None:
    """Nor what compiles, where the library is there."""
    path = tmp_path / "net.onnx"
    path.write_bytes(native.path.read_bytes())
    compile_library(path.read_bytes(), tmp_path, block=2)
    np.save(tmp_path / "x.npy", X)
    blocked = "import sys; sys.modules |= dict.fromkeys(['onnxruntime', 'onnx', 'torch'])\n"
    arguments = [str(path), "strict", str(tmp_path / "y.npy"), str(tmp_path / "x.npy")]
    command = [sys.executable, "-c", blocked + LOADING, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), native.model.run(X), rtol=0, atol=1e-5)


def test_a_library_of_an_earlier_interface_is_refused_by_its_version(native: Exported, tmp_path: Path) -> None:
    """Before anything of it runs; what is read of it stands where it always stood."""
    earlier = compile_library(native.path.read_bytes(), tmp_path, edit=lambda c: c.replace("= {\n  3, ", "= {\n  2, "))
    with pytest.raises(ProviderError, match="expected version 3 of the interface, found 2; remove it and compile"):
        with_library(native, earlier)
