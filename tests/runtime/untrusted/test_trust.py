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
from rnnedge_runtime.engines._file_options import options_of_files_ignored
from rnnedge_runtime.loader import load_bytes

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


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
@pytest.mark.parametrize("what", ["list", "folder"])
def test_a_list_that_others_could_write_counts_for_nothing(store: Path, mode: int, what: str) -> None:
    """Nor does what it says after the next entry, which takes it back from them."""
    trust.remember("1" * 64)
    assert trust.exported_here("1" * 64)
    place = store if what == "list" else store.parent
    place.chmod(mode)
    assert not trust.exported_here("1" * 64)
    trust.remember("2" * 64)
    assert trust.exported_here("2" * 64) and not trust.exported_here("1" * 64)
    assert place.stat().st_mode & 0o022 == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_list_is_made_for_its_owner_only(store: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        trust.remember("1" * 64)
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (store.parent, store)] == [0o700, 0o600]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such links")
@pytest.mark.parametrize("what", ["list", "folder"])
def test_a_list_behind_a_link_counts_for_nothing(store: Path, tmp_path: Path, what: str) -> None:
    """Neither is somebody else's file written through it."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "exported").write_text("1" * 64 + "\n")
    if what == "list":
        store.parent.mkdir(parents=True, mode=0o700)
        store.symlink_to(other / "exported")
    else:
        store.parent.parent.mkdir()
        store.parent.symlink_to(other)
    assert not trust.exported_here("1" * 64)
    trust.remember("2" * 64)
    assert (other / "exported").read_text() == "1" * 64 + "\n"
    assert trust.exported_here("2" * 64) is (what == "list")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("what", ["list", "folder"])
def test_a_list_of_another_user_counts_for_nothing(store: Path, what: str) -> None:
    """It may say what its owner likes."""
    trust.remember("1" * 64)
    os.chown(store if what == "list" else store.parent, 12345, 12345)
    assert not trust.exported_here("1" * 64)
    trust.remember("2" * 64)
    assert not trust.exported_here("1" * 64)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_in_the_place_of_a_list_is_not_waited_for(store: Path) -> None:
    """It makes loading stricter, and the next entry takes it away."""
    store.parent.mkdir(parents=True, mode=0o700)
    os.mkfifo(store, 0o600)
    assert not trust.exported_here("1" * 64)
    trust.remember("1" * 64)
    assert not trust.exported_here("2" * 64)


def test_a_word_that_is_no_trust_is_an_error(native: Exported) -> None:
    """It names the two that there are."""
    with pytest.raises(InputError, match=r"trust: expected one of strict, local, found 'lax'"):
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
