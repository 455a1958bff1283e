"""The command line: runs a verb, and turns whatever happens into one line and an exit code.

0 ok · 1 internal · 2 usage · 3 model refused · 4 verification failed · 5 budget or deadline missed
6 input failed · 7 provider, or the machine of --on, unavailable · 130 / 143 interrupted by SIGINT / SIGTERM
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import NoReturn

from rnnedge.cli._extras import missing_extra
from rnnedge.cli._interruption import Interruption
from rnnedge.cli._streams import drop, finish, prepare
from rnnedge.report.escape import inert

# Letters of a message: a name of a megabyte is not worth a screen.
_LONGEST = 2000
_TOO_MANY_FILES = "too many open files; allow more, as ulimit -n does"


def main() -> NoReturn:
    """Entry point of `rnnedge`."""
    prepare()
    # Before anything that takes time is imported, so that a signal finds somebody who hears it.
    try:
        interruption = Interruption()
    except OSError as error:
        sys.exit(_say(f"cannot begin ({error.strerror}); allow more open files", 6))
    warnings.formatwarning = lambda message, *_, **__: f"rnnedge: warning: {_one_line(message)}\n"
    try:
        interruption.listen()
        arguments = [a for a in sys.argv[1:] if a != "--debug"]
        debug = len(arguments) < len(sys.argv) - 1
        if debug:
            # The exporter checks what its passes require and ensure.
            os.environ["RNNEDGE_DEBUG"] = "1"
        code = execute(arguments, debug=debug)
        interruption.end()
    except KeyboardInterrupt:
        code = _say("interrupted", interruption.code)
        interruption.end()
    finish()
    sys.exit(code)


def execute(arguments: list[str], *, debug: bool = False) -> int:
    """Run one command and return its exit code; `debug` shows tracebacks.

    Raises `KeyboardInterrupt` as the verb does.
    """
    try:
        _invoke(arguments)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        # Whoever read our output has seen enough.
        drop(sys.stdout)
        return 0
    except SystemExit as error:
        # What rich makes of a pipe that nobody reads.
        if not isinstance(error.__context__, BrokenPipeError):
            raise
        drop(sys.stdout)
        return 0
    except Exception as error:
        if debug and not hasattr(error, "show"):
            import traceback

            _write(inert(traceback.format_exc(), keep="\n"))
        return _told(error, arguments)


def _told(error: Exception, arguments: list[str]) -> int:
    """Say in one line what went wrong; returns the exit code."""
    # What nobody has imported raised nothing: a mistyped option need not wait for numpy.
    errors = sys.modules.get("rnnedge_runtime.errors")
    if errors is not None and isinstance(error, errors.RnnEdgeError):
        lacks = error.__cause__
        # A package that is there and cannot be loaded is called missing by whoever wanted it.
        more = isinstance(lacks, ImportError) and not isinstance(lacks, ModuleNotFoundError | errors.RnnEdgeError)
        return _say(f"{error} ({lacks})" if more and str(lacks) not in str(error) else str(error), error.exit_code)
    if (missing := missing_extra(error, arguments[0] if arguments else "rnnedge")) is not None:
        return _say(missing, 2)
    # Typer carries its own copy of click, so its errors are known by what they do: a usage error, an early end.
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        if isinstance(getattr(error, "message", None), str):
            error.message = inert(error.message)  # type: ignore[attr-defined]
        try:
            error.show()
        except (OSError, SystemExit):
            drop(sys.stderr)
        return int(error.exit_code)
    if hasattr(error, "exit_code"):
        return int(error.exit_code)
    if _lacks_files(error):
        return _say(_TOO_MANY_FILES, 6)
    if isinstance(error, OSError):
        drop(sys.stdout)
        closed = error.filename is None and error.errno == errno.EBADF
        reason = "it is closed" if closed else error.strerror or error
        return _say(f"{error.filename or 'standard output'}: cannot be read or written ({reason})", 6)
    if isinstance(error, MemoryError):
        return _say("this needs more memory than there is; give less at once", 6)
    return _say(f"internal error: {type(error).__name__}: {error} (a defect of rnnedge; see it with --debug)", 1)


def _lacks_files(error: BaseException | None) -> bool:
    """Whether it came of a process without a free descriptor; a library that cannot be opened is an `ImportError`."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        if isinstance(error, ImportError) and os.strerror(errno.EMFILE) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _invoke(arguments: list[str]) -> None:
    """Run a verb in typer's context; called as a function, the app would swallow interruptions."""
    from rnnedge.cli._app import app, root

    if "_RNNEDGE_COMPLETE" in os.environ:
        app(prog_name="rnnedge")
    command = root()
    with command.make_context("rnnedge", arguments) as context:
        command.invoke(context)


def _say(message: str, code: int) -> int:
    _write(f"rnnedge: {_one_line(message)}\n")
    return code


def _one_line(message: object) -> str:
    line = inert(" ".join(str(message).split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} ... {line[-_LONGEST // 2 :]}"


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        drop(sys.stderr)
