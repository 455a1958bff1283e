"""A library from another machine runs under strict trust where it is signed, and not otherwise."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command import Command

from rnnedge.cli import execute
from rnnedge_runtime import ProviderError, load
from rnnedge_runtime.atomic import write_bytes

NATIVE = ("--provider", "native", "--trust", "strict")


@pytest.fixture(scope="module")
def compiled(gru_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a file, its library and a key pair."""
    folder = tmp_path_factory.mktemp("compiled")
    shutil.copy(gru_file, folder / "gru.onnx")
    for arguments in (
        ("compile", folder / "gru.onnx", "-o", folder),
        ("sign", folder / "gru.onnx", "--key", folder / "key.pem", "--new-key"),
    ):
        assert execute([str(one) for one in arguments]) == 0
    return folder


@pytest.fixture
def folder(compiled: Path, tmp_path: Path) -> Path:
    """A copy for each test; the library is not signed."""
    shutil.copytree(compiled, tmp_path / "device")
    return tmp_path / "device"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has built and exported nothing."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))


def test_what_this_machine_compiled_needs_no_signature(rnnedge: Command, folder: Path) -> None:
    """It is its own work."""
    done = rnnedge("verify", folder / "gru.onnx", *NATIVE)
    assert done.code == 0, done.err
    assert "on native" in done.out


@pytest.mark.usefixtures("elsewhere")
def test_a_signed_library_runs_elsewhere(rnnedge: Command, folder: Path) -> None:
    """`sign` writes the signature where `verify`, `run` and `load` look for it."""
    file, library, key, public = (folder / name for name in ("gru.onnx", "gru.so", "key.pem", "key.pub.pem"))
    done = rnnedge("verify", file, *NATIVE)
    assert done.code == 7
    assert "this one was not built on this machine; sign it with 'rnnedge sign'" in done.err
    done = rnnedge("verify", file, *NATIVE, "--key", public)
    assert done.code == 7
    assert "gru.so.sig: cannot be read" in done.err
    done = rnnedge("sign", library, "--key", key)
    assert (done.code, done.out) == (0, f"{library}.sig: signature of {library}\n")
    assert rnnedge("verify", file, *NATIVE, "--key", public).code == 0
    x = np.random.default_rng(0).standard_normal((6, 3), np.float32)
    np.save(folder / "x.npy", x)
    done = rnnedge("run", file, folder / "x.npy", "--values", *NATIVE, "--key", public)
    assert done.code == 0, done.err
    model = load(file, provider="native", trust="strict", key=public)
    assert model.provider == "native"
    np.testing.assert_allclose(model.run(x), load(file).run(x), rtol=0, atol=1e-5)
    with pytest.raises(ProviderError, match="was not built on this machine"):
        load(file, provider="native", trust="strict")


@pytest.mark.usefixtures("elsewhere")
def test_another_key_and_another_library_are_refused(rnnedge: Command, folder: Path) -> None:
    """So are those that were changed after they were signed."""
    file, library, public = (folder / name for name in ("gru.onnx", "gru.so", "key.pub.pem"))
    assert rnnedge("sign", library, "--key", folder / "other.pem", "--new-key").code == 0
    done = rnnedge("verify", file, *NATIVE, "--key", public)
    assert done.code == 7
    assert f"{library}: expected the content that {public} signed, found another" in done.err
    assert rnnedge("verify", file, *NATIVE, "--key", folder / "other.pub.pem").code == 3
    assert rnnedge("sign", library, "--key", folder / "key.pem").code == 0
    assert rnnedge("verify", file, *NATIVE, "--key", public).code == 0
    # A byte behind the end changes nothing that runs. A new file, since the old one is loaded.
    write_bytes(library, library.read_bytes() + b"\0")
    assert rnnedge("verify", file, *NATIVE, "--key", public).code == 7


def test_only_what_the_runtime_loads_is_signed(rnnedge: Command, folder: Path) -> None:
    """Neither text nor somebody else's library, and nothing is written."""
    (folder / "one.c").write_text("int one(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "one.c", "-o", "one.so"], cwd=folder, check=True)
    for name, words in (("one.so", "expected a library of 'rnnedge compile', found another"), ("gru.c", "gru.c: ")):
        done = rnnedge("sign", folder / name, "--key", folder / "key.pem")
        assert (done.code, done.err.count("\n")) == (3, 1)
        assert words in done.err
        assert not (folder / f"{name}.sig").exists()
