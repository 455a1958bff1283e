"""An address is letters, digits and the signs that names have; anything else is refused before ssh is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_one_test import in_one_test

from rnnedge.cli import execute
from rnnedge.remote.destination import check_target
from rnnedge_runtime import InputError

_SIGNS = "`$();|&<>'\"\\*?[]{}!^~# \t\n\r\0%,="
GOLDEN = Path(__file__).parents[1] / "data" / "golden_gru.onnx"


@in_one_test(
    "target",
    [
        "ssh://pi", "ssh://pi@raspberrypi", "ssh://pi@raspberrypi.local:2222", "ssh://a_b.c-d+e@my_host", "ssh://10.0.0.1",
        "ssh://me@[::1]", "ssh://[fe80::1%eth0]:22", "ssh://pi:65535", "ssh://pi/",
    ],
)  # fmt: skip
def test_an_address_is_taken(target: str) -> None:
    """With a user and a port, by name and by number, of either version."""
    assert check_target(target) == target.rstrip("/")


@in_one_test(
    "target",
    [
        *(f"ssh://u{sign}v@host" for sign in _SIGNS), *(f"ssh://u@ho{sign}st" for sign in _SIGNS),
        "ssh://-oProxyCommand=id", "ssh://-l@host", "ssh://u@-host", "ssh://u@host:0", "ssh://u@host:65536", "ssh://u@host:22x",
        "ssh://u@host:٢٢", "ssh://host:-1", "ssh://u@host\n", "\nssh://u@host", "ssh://u@host/path", "ssh://u@host?q",
        "ssh://u@host#f", "ssh://u:secret@host", "ssh://%60id%60@host", "ssh://ünï@host", "ssh://u@hóst", "ssh://u@\u202ehost",
        "ssh://u@[::1", "ssh://u@::1", "ssh://[::1%;id]", "ssh://", "ssh://@host", "ssh://u@", "ssh:u@host", "SSH://u@host",
        "scp://u@host", "u@host", "", "ssh://u@v@host", "ssh://.host", "ssh://u@" + "$(id)" * 1000,
    ],
)  # fmt: skip
def test_what_no_name_has_is_refused(target: str) -> None:
    """Signs of the shell, options, other letters, percent signs that ssh would decode."""
    with pytest.raises(InputError, match="expected ssh://user@host"):
        check_target(target)


def test_ssh_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in tells: once for a good address, never for others."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\necho started >> {tmp_path}/log\nexit 255\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for target in ("ssh://`id`@host", "ssh://-oProxyCommand=id", "ssh://u@host\n-oProxyCommand=id"):
        assert execute(["bench", str(GOLDEN), "--on", target]) == 2
    assert not (tmp_path / "log").exists()
    assert execute(["bench", str(GOLDEN), "--on", "ssh://u@host"]) == 7
    assert (tmp_path / "log").read_text() == "started\n"
    assert "Traceback" not in capsys.readouterr().err


@in_one_test(
    "answer",
    ["", "[]", "null", "{}", "[" * 5000, '{"schema": "rnnedge.bench", "unrest": 5}', "A" * (1 << 25), "\x1b[2J"],
)  # fmt: skip
def test_an_answer_that_is_no_report_is_an_error_of_the_machine(
    answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damaged, deep, without end, or a program of its own: one line, and the other machine is to blame."""
    (tmp_path / "answer").write_bytes(b"\0" + answer.encode())
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\nprintf '\\033[2Jhello\\n' >&2\ncat {tmp_path}/answer\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    code = execute(["bench", str(GOLDEN), "--on", "ssh://u@host"])
    err = capsys.readouterr().err
    assert code == 7 and "\x1b" not in err and "Traceback" not in err and "defect" not in err, err
