"""The command line: runs a verb, and turns whatever happens into one line and an exit code.

0 ok · 1 internal · 2 usage · 3 model refused · 4 verification failed · 5 budget or deadline missed
6 input failed · 7 provider, or the machine of --on, unavailable · 130 / 143 interrupted by SIGINT / SIGTERM
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import NoReturn

from rnnedge.cli.interruption import Interruption


def main() -> NoReturn:
    """Entry point of `rnnedge`."""
    # Before anything that takes time is imported, so that a signal finds somebody who hears it.
    interruption = Interruption()
    warnings.formatwarning = lambda message, *_, **__: f"rnnedge: warning: {message}\n"
    try:
        interruption.listen()
        arguments = [a for a in sys.argv[1:] if a != "--debug"]
        code = execute(arguments, debug=len(arguments) < len(sys.argv) - 1)
        interruption.end()
    except KeyboardInterrupt:
        code = _say("interrupted", interruption.code)
        interruption.end()
    sys.exit(code)


def execute(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit code; `debug` lets tracebacks through.

    Raises `KeyboardInterrupt` as the verb does.
    """
    try:
        _invoke(arguments)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        _drop_output()
        return 0
    except OSError as error:
        if debug:
            raise
        _drop_output()
        return _say(f"{error.filename or 'output'}: cannot be read or written ({error.strerror or error})", 6)
    except Exception as error:
        # Here, so that --help and a mistyped option need not wait for numpy and onnxruntime.
        from rnnedge_runtime.errors import RnnEdgeError

        if isinstance(error, RnnEdgeError):
            if debug:
                raise
            return _say(str(error), error.exit_code)
        # Typer carries its own copy of click, so its errors are known by what they do: a usage error, an early end.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return int(error.exit_code)
        if hasattr(error, "exit_code"):
            return int(error.exit_code)
        if debug:
            raise
        return _say(f"internal error: {type(error).__name__}: {error} (a defect of rnnedge; see it with --debug)", 1)


def _invoke(arguments: list[str]) -> None:
    """Run a verb in typer's context; called as a function, the app would swallow interruptions."""
    from typer.main import get_command

    from rnnedge.cli.app import app

    if "_RNNEDGE_COMPLETE" in os.environ:
        app(prog_name="rnnedge")
    command = get_command(app)
    with command.make_context("rnnedge", arguments) as context:
        command.invoke(context)


def _drop_output() -> None:
    """Whatever is still to be printed; the interpreter must not complain while flushing at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(message: str, code: int) -> int:
    print(f"rnnedge: {' '.join(message.split())}", file=sys.stderr)
    return code
