"""A benchmark on another machine, over a real ssh: its report comes back, failures are named, nothing stays there."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shares import one_in
from sshd import Sshd, script

from rnnedge.remote import run_remote
from rnnedge_runtime.errors import InputError, ModelRefused, RemoteError
from rnnedge_runtime.host import warnings_of

QUICK = ("--pushes", "50", "--processes", "1", "--seconds", "0")
# A day, with hardly any work.
LONG = ("--pushes", "50", "--processes", "1", "--seconds", "86400", "--rate", "1")
# Far more than anything here takes on a busy machine.
WAIT_S = 60.0


def bench(there: Sshd, file: Path, *arguments: str, **more: Any) -> dict[str, Any]:
    """`run_remote` with the keys of this server and, unless told otherwise, this very Python."""
    settings = {"python": sys.executable, "ssh_options": there.options, **more}
    return run_remote(there.target, file, arguments or QUICK, **settings)


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        time.sleep(0.02)


def test_a_report_comes_back_with_that_machine_s_fingerprint(there: Sshd, golden: Path) -> None:
    """The figures of the very file, and the host that they were measured on, which can be judged here."""
    from rnnedge_runtime import load

    report = bench(there, golden)
    assert report["schema"] == "rnnedge.bench"
    assert report["file"] == golden.name
    assert report["sha256"] == load(golden).digest
    assert report["closed"]["pushes"] <= 50 and report["closed"]["p50_us"] > 0
    assert {"processor", "onnxruntime", "rnnedge"} <= set(report["host"])
    assert isinstance(warnings_of(report["host"]), list)


def test_the_command_line_draws_the_page_here(
    there: Sshd, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`rnnedge bench FILE --on`: a valid report of that machine, which need not be able to draw, and a page from it."""
    import jsonschema

    from rnnedge.cli import execute

    schema = json.loads((Path(__file__).parents[2] / "docs" / "schema" / "bench-2.json").read_text())
    # As on a device that has what it needs to stream, and no more.
    for name in ("hdrh", "matplotlib", "jinja2", "torch"):
        (tmp_path / "device" / name).mkdir(parents=True)
        (tmp_path / "device" / name / "__init__.py").write_text("raise ImportError('not on a device')")
    python = script(tmp_path / "python", f'PYTHONPATH="{tmp_path / "device"}" exec "$PYTHON" "$@"')
    page, file = tmp_path / "page.html", tmp_path / "copy.onnx"
    shutil.copy(golden, file)
    options = [word for option in there.options for word in ("--ssh-option", option)]
    quick = ["--seconds", "0.2", "--processes", "1", "--pushes", "50", "--rate", "200", "--fail-on", "p99<1000s"]
    asked = ["bench", str(file), "--on", there.target, "--remote-python", python, *options, *quick]
    assert execute([*asked, "--json", "--html", str(page)]) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema).validate(report)
    assert report["file"] == "copy.onnx" and report["closed"]["pushes"] == 50 and report["paced"]["pushes"] == 40
    assert isinstance(report["closed"]["histogram"], list)
    text = page.read_text()
    assert text.count("<svg") == 3 and report["sha256"] in text
    assert execute([*asked[:-1], "p99<1ns"]) == 5
    assert "copy.onnx: p99<1ns: found" in capsys.readouterr().err


def test_what_runs_there_is_what_is_here(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Our own sources are copied and come before whatever is installed; without what this machine compiled."""
    seen = tmp_path / "seen"
    # A module that Python imports at its start, as it would be on a machine with an odd installation.
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(
            f"""
            import importlib.util, os, sys
            packages = [importlib.util.find_spec(n) for n in ("rnnedge", "rnnedge_export", "rnnedge_runtime")]
            if all(packages) and "scratch" in os.getcwd():
                from importlib.metadata import version
                with open({str(seen)!r}, "w") as file:
                    print(*(package.origin for package in packages), os.getcwd(), version("rnnedge"), file=file)
            """
        )
    )
    python = script(tmp_path / "python", f'PYTHONPATH="{tmp_path}" exec "$PYTHON" "$@"')
    bench(there, golden, python=python)
    *origins, folder, _ = seen.read_text().split()
    for origin in [*origins, folder]:
        assert Path(origin).is_relative_to(there.scratch), origin


@pytest.mark.parametrize(
    "name", one_in(5, ["$(touch pwned);'\"`&|>*?.onnx", "a b.onnx", "-x.onnx", "ünï.onnx", "--help"])
)
def test_a_file_may_have_any_name(name: str, there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Blanks, quotes and what a shell would run are letters like others."""
    shutil.copy(golden, tmp_path / name)
    report = bench(there, tmp_path / name)
    assert report["file"] == name
    assert report["size_bytes"] == golden.stat().st_size


@pytest.mark.long
def test_python_there_may_have_any_path(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Blanks and quotes in it, or from the home of whoever logs in, with and without ~."""
    odd = tmp_path / "it's $HOME; true"
    odd.mkdir()
    assert bench(there, golden, python=script(odd / "py thon", 'exec "$PYTHON" "$@"'))["closed"]
    relative = os.path.relpath(sys.executable, pwd.getpwuid(os.getuid()).pw_dir)
    for python in (relative, f"~/{relative}"):
        assert bench(there, golden, python=python)["closed"]


def test_a_login_that_prints_is_no_part_of_the_report(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """A greeting on standard output comes before, whatever it looks like."""
    python = script(tmp_path / "python", """echo '{"welcome": "to this machine"}'; exec "$PYTHON" "$@" """)
    assert "welcome" not in bench(there, golden, python=python)


def test_lines_of_standard_error_come_as_they_are_written(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """While the benchmark runs, not at its end; the closing line of an error is the exception's alone."""
    gate = tmp_path / "gate"
    python = script(
        tmp_path / "python",
        f'echo "rnnedge: warning: first" >&2; until [ -e "{gate}" ]; do sleep 0.05; done; exec "$PYTHON" "$@"',
    )
    heard: list[str] = []

    def open_gate(line: str) -> None:
        heard.append(line)
        gate.touch()

    # The first line opens the gate, without which there is no end.
    bench(there, golden, python=python, progress=open_gate)
    assert heard[0] == "rnnedge: warning: first"

    (tmp_path / "noise.onnx").write_bytes(b"noise")
    with pytest.raises(RemoteError):
        bench(there, tmp_path / "noise.onnx", python=python, progress=heard.append)
    assert not [line for line in heard if "noise.onnx" in line]


def test_a_failure_there_has_its_own_code_and_words(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Model refused, provider unavailable, wrong usage: as if it had failed here, with the machine's name in front."""
    (tmp_path / "noise.onnx").write_bytes(os.urandom(4 << 20))
    for file, arguments, code, words in (
        (tmp_path / "noise.onnx", QUICK, 3, "noise.onnx: "),
        (golden, ("--provider", "cuda"), 7, "cuda"),
        (golden, ("--pushes", "none"), 2, "--pushes"),
    ):
        with pytest.raises(RemoteError) as caught:
            bench(there, file, *arguments)
        assert caught.value.exit_code == code, caught.value
        message = str(caught.value)
        assert message.startswith(f"{there.target}: ") and words in message and "\n" not in message, message
        assert "rnnedge: " not in message


def test_a_benchmark_that_is_ended_there_says_by_what(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """The kernel ends what takes too much memory; the code is a shell's."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal\nif 'scratch' in os.getcwd(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    python = script(tmp_path / "python", f'PYTHONPATH="{tmp_path}" exec "$PYTHON" "$@"')
    with pytest.raises(RemoteError, match="ended there by signal 9") as caught:
        bench(there, golden, python=python)
    assert caught.value.exit_code == 137


def test_a_machine_that_cannot_be_reached_is_named(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Nobody listens, the key is not known, the host is not known: what ssh says, and what has to work first."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        target = f"ssh://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(RemoteError, match=rf"{target}: cannot be reached .*Connection refused") as caught:
            run_remote(target, golden, QUICK, ssh_options=there.options)
    assert caught.value.exit_code == 7 and f"`ssh {target} true`" in str(caught.value)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    for option, words in (
        (f"IdentityFile={tmp_path / 'other'}", "Permission denied"),
        ("UserKnownHostsFile=/dev/null", "Host key verification failed"),
    ):
        name = option.partition("=")[0]
        options = [option, *(o for o in there.options if not o.startswith(f"{name}="))]
        with pytest.raises(RemoteError, match=f"cannot be reached .*{words}"):
            bench(there, golden, ssh_options=options)


def test_a_machine_without_python_is_named(there: Sshd, tmp_path: Path) -> None:
    """Not found, or no program."""
    # More than a pipe holds, so that ssh ends before it has taken everything.
    (tmp_path / "large.onnx").write_bytes(os.urandom(4 << 20))
    for python in ("no-such-python", "/etc/passwd"):
        with pytest.raises(RemoteError, match=rf"expected Python there as {python} .*--remote-python") as caught:
            bench(there, tmp_path / "large.onnx", python=python)
        assert caught.value.exit_code == 7


@pytest.mark.long
def test_an_old_python_is_named(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """Before it is given anything that it may not understand."""
    pretend = "import sys; sys.version_info = (3, 7, 3); sys.version = '3.7.3 (default)'; "
    python = script(tmp_path / "python", f'exec "$PYTHON" "$1" "{pretend}$2"')
    with pytest.raises(RemoteError, match=r"expected Python 3.10 or newer, found 3.7.3; .*--remote-python"):
        bench(there, golden, python=python)


def test_what_python_lacks_there_is_named(there: Sshd, golden: Path, tmp_path: Path) -> None:
    """The packages, and the command that installs them."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    python = tmp_path / "bare" / "bin" / "python"
    lacks = rf"{python} lacks numpy onnxruntime typer; install there: {python} -m pip install numpy onnxruntime typer;"
    with pytest.raises(RemoteError, match=lacks) as caught:
        bench(there, golden, python=str(python))
    assert caught.value.exit_code == 7


def test_no_file_no_connection(golden: Path, tmp_path: Path) -> None:
    """A file that is missing here, and an address that is none, are found before anything is started."""
    with pytest.raises(ModelRefused, match="cannot be read"):
        run_remote("ssh://127.0.0.1:1", tmp_path / "missing.onnx", QUICK)
    for target in (
        "pi",
        "http://pi",
        "ssh://",
        "ssh://pi:port",
        "ssh://pi/home",
        "ssh://me:secret@pi",
        "ssh://-oProxyCommand=true",
        "ssh://-l@pi",
        "ssh://a b",
        "ssh://[::1",
    ):
        with pytest.raises(InputError, match="expected ssh://user@host"):
            run_remote(target, golden, QUICK)


def start(there: Sshd, golden: Path) -> subprocess.Popen[str]:
    """The command line in a process group of its own, as a shell starts it, once its benchmark runs there."""
    options = [word for option in there.options for word in ("--ssh-option", option)]
    command = [sys.executable, "-m", "rnnedge", "bench", str(golden), "--on", there.target, *LONG, *options]
    # A shell that runs the tests in the background leaves them an interruption that is ignored.
    process = subprocess.Popen(
        [*command, "--remote-python", sys.executable], stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    until(lambda: len(there.working()) > 1 or process.poll() is not None, "the benchmark runs there")
    return process


@pytest.mark.parametrize("number", one_in(2, [signal.SIGINT, signal.SIGTERM]))
def test_an_interrupted_run_leaves_nothing_there(number: signal.Signals, there: Sshd, golden: Path) -> None:
    """When this side has ended, the benchmark there has too, and its files are gone; Ctrl-C goes to the whole group."""
    process = start(there, golden)
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=WAIT_S)
    assert there.traces() == [], err
    assert (process.returncode, err) == (128 + number, "rnnedge: interrupted\n")


def test_a_killed_run_leaves_nothing_there(there: Sshd, golden: Path) -> None:
    """Nobody here can tidy up: the other machine does."""
    process = start(there, golden)
    process.kill()
    process.communicate()
    until(lambda: not there.traces(), "the machine is tidy")


@pytest.mark.long
def test_a_connection_that_breaks_is_named_and_leaves_nothing_there(there: Sshd, golden: Path) -> None:
    """From the server's side: an error here, and an end there."""
    process = start(there, golden)
    there.drop()
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 7 and f"rnnedge: {there.target}: the connection was lost during the run" in err
    until(lambda: not there.traces(), "the machine is tidy")


def test_traces_are_seen(server: Sshd) -> None:
    """The check for tidiness finds a file and a process, so the tests can fail."""
    (server.scratch / "left").touch()
    process = subprocess.Popen(["sleep", "60"], cwd=server.scratch)
    try:
        assert set(server.traces()) == {"left", f"process {process.pid}"}
    finally:
        process.kill()
        process.wait()
        (server.scratch / "left").unlink()
