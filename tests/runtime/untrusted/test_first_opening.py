"""A file from somebody else is first opened in a process of its own, once; what ends that process is a refusal."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bombs import GOLDEN, with_contract, with_nodes
from exported import Exported
from onnx import TensorProto, helper

from rnnedge_runtime import ModelRefused, load, untrusted
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.loader import load_bytes
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted import _first_opening as first_opening
from rnnedge_runtime.untrusted import _prove as prove
from rnnedge_runtime.untrusted._deadline import Watch
from rnnedge_runtime.untrusted._first_opening import NoChild, open_in_child
from rnnedge_runtime.untrusted._verdicts import GUARDED, PLAIN, _loader, accept, known, verdict_of

START = first_opening._RUN.partition("main()")[0]
# What a child does in place of its work, after it has set its limits and read the file.
END = "lambda *a: ctypes.string_at(0)\nmain()"
CRASHES = {
    "while it opens": f"{START}import ctypes, rnnedge_runtime.untrusted.policy as p; p.check_policy = {END}",
    "while it tries": f"{START}import ctypes, rnnedge_runtime.untrusted._exercise as e; e.exercise = {END}",
    "before it begins": "import os; os.abort()",
}


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No verdict yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    return tmp_path / "state" / "rnnedge" / "replayed"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each file for which a child was started."""
    names: list[str] = []
    real = first_opening._run

    def counted(given: bytes, seconds: float) -> Any:
        names.append("child")
        return real(given, seconds)

    monkeypatch.setattr(first_opening, "_run", counted)
    return names


def test_a_file_that_is_known_starts_no_process(store: Path, started: list[str]) -> None:
    """The first load starts one, the second does not; other settings are another verdict."""
    for expected in (1, 1):
        load(GOLDEN, trust="strict")
        assert len(started) == expected
    load(GOLDEN, trust="strict", optimization="basic")
    assert len(started) == 2
    assert len(store.read_text().splitlines()) == 2


def test_where_no_verdict_can_be_kept_every_load_starts_one(store: Path, started: list[str]) -> None:
    """A file in the way of the folder; the file is loaded all the same."""
    store.parent.parent.write_text("in the way")
    for _ in range(2):
        assert load(GOLDEN, trust="strict").contract.form == "native"
    assert len(started) == 2


@pytest.mark.skipif(os.name == "nt", reason="there it is one folder")
def test_a_load_leaves_nothing_in_a_home_that_has_nothing_of_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: list[str]
) -> None:
    """Its verdict is among the temporary files then; one that others could have written is not believed."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TMPDIR", str(temporary))
    for _ in range(2):
        load(GOLDEN, trust="strict")
    assert len(started) == 1
    assert list(home.rglob("*")) == []
    (folder,) = temporary.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    load(GOLDEN, trust="strict")
    assert len(started) == 2
    (home / ".local" / "state" / "rnnedge").mkdir(parents=True)
    load(GOLDEN, trust="strict")
    load(GOLDEN, trust="strict")
    assert len(started) == 3 and (home / ".local" / "state" / "rnnedge" / "replayed").exists()


def test_a_file_of_this_machine_starts_none(started: list[str]) -> None:
    """Nor does one that is looked at in this process on purpose."""
    load(GOLDEN, trust="local")
    load_bytes(GOLDEN.read_bytes(), trust="strict", in_child=False)
    assert started == []


def test_a_file_that_is_known_is_opened_and_no_more(native: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not looked through again, nor replayed: that costs more than all else of a start."""
    load(native.path, trust="strict")

    def again(*_: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(prove, "check_policy", again)
    monkeypatch.setattr(prove, "replay_golden", again)
    load(native.path, trust="strict")
    with pytest.raises(ModelRefused, match="AssertionError"):
        load(native.path, trust="strict", optimization="none")


def test_a_file_that_is_known_keeps_its_guards(monkeypatch: pytest.MonkeyPatch, started: list[str]) -> None:
    """What the loader opens in place of a file that needs it is the same each time."""
    data = with_nodes(
        [
            helper.make_node("Cast", ["x"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Add", ["whole", "one"], ["divisor"]),
            helper.make_node("Div", ["hundred", "divisor"], ["result"]),
            helper.make_node("Cast", ["result"], ["as_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["as_float", "zero"], ["bomb"]),
        ],
        one=np.int64(1_000_000), hundred=np.int64(100), zero=np.float32(0),
    )  # fmt: skip
    opened: list[bytes] = []
    real = Watch.prepare

    def seen(watch: Watch, model: bytes, options: Any) -> bytes:
        opened.append(real(watch, model, options))
        return opened[-1]

    monkeypatch.setattr(Watch, "prepare", seen)
    for _ in range(2):
        load_bytes(data, trust="strict")
    assert started == ["child"] and len(opened) == 2
    assert opened[0] == opened[1] != data
    load(GOLDEN, trust="strict")
    assert opened[2] == GOLDEN.read_bytes()


def test_a_verdict_is_of_one_file_and_one_way_to_run_it() -> None:
    """Whatever changes what the process would see changes the name of the verdict."""
    plain = ("0" * 64, ("cpu",), Settings(), LIMITS)
    names = {
        verdict_of(*plain),
        verdict_of("1" * 64, *plain[1:]),
        verdict_of(plain[0], ("cuda", "cpu"), *plain[2:]),
        verdict_of(*plain[:2], Settings(threads=2), LIMITS),
        verdict_of(*plain[:2], Settings(optimization="none"), LIMITS),
        verdict_of(*plain[:2], Settings(flush_denormals=False), LIMITS),
        verdict_of(*plain[:2], Settings(provider_options={"cpu": {"a": "1"}}), LIMITS),
        verdict_of(*plain[:3], LIMITS._replace(nodes=7)),
    }
    assert len(names) == 8
    first, second = verdict_of(*plain), verdict_of("1" * 64, *plain[1:])
    assert first == verdict_of(*plain) and known(first) is None
    accept(first, PLAIN)
    accept(second, GUARDED)
    assert (known(first), known(second)) == (PLAIN, GUARDED)
    assert known("") is None and known(first[:-1]) is None


@pytest.mark.parametrize("when", CRASHES)
def test_a_crash_is_a_refusal_that_says_how_it_ended(when: str, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process goes on, and the file stays unknown."""
    monkeypatch.setattr(first_opening, "_RUN", CRASHES[when])
    with pytest.raises(
        ModelRefused, match=r"in a process of its own: SIG(SEGV|ABRT) ended it.*trust='local'"
    ) as caught:
        load(GOLDEN, trust="strict")
    assert "\n" not in str(caught.value)
    assert not store.exists()


@pytest.mark.parametrize(
    "words", ["", "x", "[]", '{"kind": "ModelRefused"', '{"result": "refused"}', '{"kind": "OSError"}', "[" * 9999]
)
def test_a_child_without_a_verdict_is_a_refusal(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it wrote in place of one."""
    code = f"import sys; sys.stdin.buffer.read(); print({words!r}, flush=True)"
    monkeypatch.setattr(first_opening, "_RUN", code)
    with pytest.raises(ModelRefused, match="exit code 0 and no verdict"):
        load(GOLDEN, trust="strict")


def test_a_child_that_talks_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words are not kept, and what it says of an error is one line of plain text."""
    monkeypatch.setattr(first_opening, "_RUN", "import sys\nwhile True: sys.stdout.write('x' * 65536)")
    with pytest.raises(ModelRefused, match="in a process of its own"):
        load(GOLDEN, trust="strict")
    said = '{"kind": "ModelRefused", "text": "a\\u001b[31m\\nb' + "c" * 900 + '"}'
    monkeypatch.setattr(first_opening, "_RUN", f"print({said!r})")
    with pytest.raises(ModelRefused, match=r"a\?\[31m\?bc+;") as caught:
        load(GOLDEN, trust="strict")
    assert len(str(caught.value)) < 1000


def test_a_refusal_in_the_child_is_the_one_of_this_process() -> None:
    """Type, place and words, each once."""
    data = with_contract(lambda c: c.update(least=1 << 40))
    said = []
    for in_child in (True, False):
        with pytest.raises(ModelRefused) as caught:
            load_bytes(data, "name.onnx", trust="strict", in_child=in_child)
        said.append((type(caught.value), str(caught.value)))
    assert said[0] == said[1]
    assert said[0][1].startswith("name.onnx: contract.least: ")


def test_a_file_that_takes_too_long_in_the_child_is_refused() -> None:
    """By the child's own clock, which begins when its imports are done."""
    with pytest.raises(ModelRefused, match=r"expected to open and replay in 0\.0001 s, found it still busy"):
        open_in_child(GOLDEN.read_bytes(), "m", Settings(), LIMITS, 1e-4)
    open_in_child(GOLDEN.read_bytes(), "m", Settings(), LIMITS, 60.0)


CUT = """
import ctypes, sys
from rnnedge_runtime.untrusted.child_limits import end_after
end_after(0.2)
print("began", flush=True)
# The interpreter's lock is held, so no thread of Python can do anything.
ctypes.PyDLL(None).sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals of POSIX")
def test_the_time_of_a_child_cuts_what_does_not_listen() -> None:
    """A call that keeps the interpreter's lock is ended by the system."""
    done = subprocess.run([sys.executable, "-c", CUT], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.returncode < 0) == ("began\n", True)


LIMITED = """
import json, resource, sys
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.child_limits import limit_itself
from rnnedge_runtime.untrusted._deadline import Watch
from rnnedge_runtime.engines.settings import Settings
limit_itself(Settings(), LIMITS, 5.0, 1000)
said = []
try:
    bytearray(4 << 30)
except MemoryError:
    said.append("memory")
try:
    with open(sys.argv[1], "wb", buffering=0) as file:
        file.write(b"x")
except OSError:
    said.append("file")
said.append(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0))
said.append(resource.getrlimit(resource.RLIMIT_CPU)[0] < 60)
print(said)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_child_has_little_memory_and_no_file(tmp_path: Path) -> None:
    """It sets its limits itself, before it reads the file."""
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "written")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.stdout.strip() == "['memory', 'file', True, True]", done.stderr


@pytest.mark.parametrize("executable", ["", None, "/usr/bin/program", "python", "/nowhere/python3"])
def test_without_an_interpreter_the_file_is_opened_here(
    executable: Any, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a warning that says what that means; and it is not remembered."""
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.warns(RuntimeWarning, match="first opened in this process"):
        assert load(GOLDEN, trust="strict").contract.form == "native"
    assert not store.exists()


def test_a_frozen_program_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would start itself without end."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(NoChild, match="no plain Python interpreter"):
        open_in_child(GOLDEN.read_bytes(), "m", Settings(), LIMITS, 5.0)


SURPRISES = """
import pathlib, sys
pathlib.Path("here").write_text(pathlib.Path("here").read_text() + "x")
"""


@pytest.fixture
def surprises(tmp_path: Path) -> Path:
    """A folder with modules that leave a trace when they are imported."""
    (tmp_path / "here").write_text("")
    for name in ("sitecustomize", "usercustomize", "json", "numpy", "rnnedge_runtime", "onnxruntime"):
        (tmp_path / f"{name}.py").write_text(SURPRISES)
    return tmp_path


def test_a_child_imports_nothing_from_the_current_folder(surprises: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor from the folders that variables name."""
    monkeypatch.chdir(surprises)
    monkeypatch.setenv("PYTHONPATH", str(surprises))
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    load(GOLDEN, trust="strict")
    assert (surprises / "here").read_text() == ""
    subprocess.run([sys.executable, "-c", "import json"], check=True)
    assert (surprises / "here").read_text(), "nothing would have been noticed"


def test_a_file_is_first_opened_from_any_thread() -> None:
    """Several threads at once, none of them the main one."""
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(load(GOLDEN, trust="strict").digest), daemon=True)
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 2


def test_a_verdict_is_of_every_file_that_judges() -> None:
    """Also of the table of operators: a file that an older one allowed is looked at again."""
    room = Path(untrusted.__file__).parent
    assert {str(path.relative_to(room)) for path in room.rglob("*.py")} <= {name for name, *_ in _loader()}
