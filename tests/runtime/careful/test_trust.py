"""Who vouches for a file, and what follows from it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import onnx
import pytest
from bombs import model, sealed
from exported import Exported

from rnnedge_runtime import InputError, ModelRefused, load, trust
from rnnedge_runtime.engines.file_options import options_of_files_ignored
from rnnedge_runtime.model import load_bytes

VARIABLE = "ORT_LOAD_CONFIG_FROM_MODEL"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty list of files that were made here."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    return tmp_path / "state" / "rnnedge" / "exported"


def slipped(folder: Path) -> Path:
    """A file that computes what it says, and has what no exported file has."""
    proto = model()
    proto.graph.doc_string = "x"
    path = folder / "slipped.onnx"
    path.write_bytes(sealed(proto))
    return path


def test_a_file_is_strict_until_it_is_known(store: Path, tmp_path: Path) -> None:
    """Refused at first, taken once its digest is in the list or it is called local."""
    path = slipped(tmp_path)
    with pytest.raises(ModelRefused, match=r"found field 10.*trust='local'"):
        load(path)
    digest = load(path, trust="local").digest
    trust.remember(digest)
    assert store.read_text() == digest + "\n"
    assert load(path).digest == digest
    with pytest.raises(ModelRefused, match="found field 10"):
        load(path, trust="strict")


def test_an_export_is_remembered(native: Exported) -> None:
    """Its digest, and no other one."""
    assert trust.exported_here(native.model.digest)
    assert not trust.exported_here("0" * 64)
    assert not trust.exported_here("")


def test_the_list_stays_short(store: Path) -> None:
    """The newest digests are kept."""
    digests = [f"{k:064x}" for k in range(5000)]
    for digest in digests:
        trust.remember(digest)
    assert trust.exported_here(digests[-1]) and not trust.exported_here(digests[0])
    assert store.stat().st_size <= 4096 * 65


def test_a_list_that_cannot_be_written_or_read_makes_nothing_fail(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the way, garbage in the list, a user without a home."""
    (tmp_path / "state").write_text("in the way")
    trust.remember("1" * 64)
    assert not trust.exported_here("1" * 64)
    (tmp_path / "state").unlink()
    store.parent.mkdir(parents=True)
    store.write_bytes(b"\xff\x00" * 1000)
    assert not trust.exported_here("1" * 64)
    trust.remember("1" * 64)
    monkeypatch.delenv("XDG_STATE_HOME")
    # What Python does for a user without a home.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    if os.name != "nt":
        assert not trust.exported_here("1" * 64)
        trust.remember("1" * 64)


def test_a_word_that_is_no_trust_is_an_error(native: Exported) -> None:
    """It names the two that there are."""
    with pytest.raises(InputError, match=r"trust: expected one of strict, local or None, found 'lax'"):
        load(native.path, trust="lax")


def test_a_file_cannot_set_the_options_of_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: Exported
) -> None:
    """Even a trusted one, with the variable set that makes onnxruntime listen to it: no profile is written."""
    from rnnedge_runtime.engines.onnx_runtime import onnxruntime

    proto = onnx.load(native.path)
    del proto.metadata_props[-1]
    proto.metadata_props.add(key="ort_config", value='{"session_options": {"enable_profiling": 1}}')
    data = sealed(proto)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "1")
    load_bytes(data, "m", trust="local")
    assert list(tmp_path.glob("onnxruntime_profile*")) == []
    assert os.environ[VARIABLE] == "1"
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    session.end_profiling()
    assert list(tmp_path.glob("onnxruntime_profile*")), "the guard above had nothing to guard against"


def test_the_variable_is_away_until_the_last_session_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads that create sessions at the same time; an error puts it back too."""
    monkeypatch.setenv(VARIABLE, "1")
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with options_of_files_ignored():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait(10)
    with pytest.raises(KeyError), options_of_files_ignored():
        raise KeyError
    assert VARIABLE not in os.environ
    leave.set()
    thread.join()
    assert os.environ[VARIABLE] == "1"
