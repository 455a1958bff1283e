"""`rnnedge bench --on`: the same command, the same output, another machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import typer
from command import Command, Done
from sshd import Sshd, script

from rnnedge.cli import execute
from rnnedge.cli._remote import options_given
from rnnedge_runtime.errors import RemoteError

QUICK = ("--pushes", "50", "--processes", "2", "--seconds", "0.2", "--rate", "100")


@pytest.fixture
def bench(there: Sshd, golden: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`bench(*options)` measures the golden file on the server."""
    options = [word for option in there.options for word in ("--ssh-option", option)]

    def run(*more: object, python: str = sys.executable) -> Done:
        capsys.readouterr()
        on = ["--on", there.target, "--remote-python", python, *options]
        return Done(execute(["bench", str(golden), *map(str, more), *on]), *capsys.readouterr())

    return run


def test_the_report_is_shown_as_if_it_had_been_measured_here(bench: Command, tmp_path: Path) -> None:
    """JSON with the schema's name, a table, and a page; the options were used there."""
    pytest.importorskip("hdrh")
    done = bench(*QUICK, "--html", tmp_path / "page.html", "--json")
    assert done.code == 0, done.err
    assert done.json["schema"] == "rnnedge.bench"
    assert len(done.json["runs"]) == 2 and done.json["paced"]["period_us"] == 10_000
    assert (tmp_path / "page.html").read_text().rstrip().endswith("</html>")
    # Told once, though both machines know it.
    assert done.err.count("not stable") == len(done.json["unrest"])
    assert "measured on" in bench(*QUICK).out


def test_budgets_are_judged_here(bench: Command) -> None:
    """The report is shown all the same, and the code is 5."""
    done = bench(*QUICK, "--json", "--fail-on", "p50<1ns")
    assert done.code == 5 and "p50<1ns" in done.err
    assert done.json["closed"]["p50_us"] > 0
    assert bench(*QUICK, "--fail-on", "p50<10s").code == 0


def test_a_failure_there_ends_the_command_as_one_here(bench: Command) -> None:
    """One line, with the machine's name, and the same code."""
    done = bench("--provider", "cuda")
    assert done.code == 7 and done.err.count("\n") == 1 and "rnnedge: ssh://" in done.err


def test_what_a_page_needs_is_asked_for_before_the_run(bench: Command, tmp_path: Path) -> None:
    """A Python there without hdrhistogram measures, but not for a page."""
    hidden = "import sys; sys.modules['hdrh'] = None; "
    python = script(tmp_path / "python", f'exec "$PYTHON" "$1" "{hidden}$2"')
    assert bench(*QUICK, python=python).code == 0
    done = bench(*QUICK, "--html", tmp_path / "page.html", python=python)
    assert done.code == 7 and "lacks hdrhistogram" in done.err
    assert not (tmp_path / "page.html").exists()


def test_usage_is_checked_before_anything_is_started(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that is none, and a baseline that the other machine does not have."""
    assert execute(["bench", str(golden), "--on", "pi"]) == 2
    assert "expected ssh://user@host" in " ".join(capsys.readouterr().err.split())
    assert execute(["bench", str(golden), "--on", "ssh://pi", "--baseline", "pkg.mod:build"]) == 2


def test_options_are_spelled_as_they_were_given() -> None:
    """Flags of both senses, lists, values with blanks and dashes; defaults and arguments are not among them."""
    from typer.main import get_command

    app = typer.Typer()

    @app.command()
    def verb(
        context: typer.Context,
        file: str,
        rate: float = 1.0,
        name: Annotated[str, typer.Option("-n", "--name")] = "",
        option: Annotated[list[str] | None, typer.Option("--provider-option")] = None,
        spinning: Annotated[bool, typer.Option("--spinning")] = False,
        warm: bool = True,
        seconds: float = 2.0,
        on: str | None = None,
        html: Path | None = None,
        json: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        context.obj.append(options_given(context))

    given = ["f.onnx", "--rate", "1.0", "-n", "-a b", "--provider-option", "a.b=1", "--provider-option", "c.d=2"]
    given += ["--spinning", "--no-warm", "--on", "ssh://pi", "--html", "x.html", "--json"]
    words: list[list[str]] = []
    command = get_command(app)
    with command.make_context("verb", list(given), obj=words) as context:
        command.invoke(context)
    expected = ["--rate=1.0", "--name=-a b", "--provider-option=a.b=1", "--provider-option=c.d=2", "--spinning"]
    assert words == [[*expected, "--no-warm"]]
    # The same words mean the same again.
    with command.make_context("verb", ["f.onnx", *words[0]], obj=words) as context:
        command.invoke(context)
    assert words[1] == words[0]


def test_help_names_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for help finds an example."""
    done = subprocess.run([sys.executable, "-m", "rnnedge", "bench", "-h"], capture_output=True, text=True, check=True)
    assert "--on ssh://pi@raspberrypi" in " ".join(done.stdout.split())


def test_a_file_is_trusted_there_as_here(bench: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local where this machine exported it or the user says so, else strict."""
    import rnnedge.remote
    from rnnedge_runtime import trust

    travelled: list[str] = []

    def instead(target: str, file: str, arguments: list[str], **more: object) -> dict[str, object]:
        travelled.extend(word for word in arguments if word.startswith("--trust"))
        raise RemoteError("seen")

    monkeypatch.setattr(rnnedge.remote, "run_remote", instead)
    for more in ((), ("--trust", "local"), ("--trust", "strict")):
        assert bench(*more).code == 7
    monkeypatch.setattr(trust, "exported_here", lambda digest: True)
    bench()
    assert travelled == ["--trust=strict", "--trust=local", "--trust=strict", "--trust=local"]


def test_a_damaged_file_does_not_travel(there: Sshd, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found here, in the words of every other verb."""
    (tmp_path / "noise.onnx").write_bytes(b"noise")
    assert execute(["bench", str(tmp_path / "noise.onnx"), "--on", there.target]) == 3
    assert "noise.onnx: " in capsys.readouterr().err
