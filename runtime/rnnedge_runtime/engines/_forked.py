"""What a forked child does with the onnxruntime of its parent: keep it, untouched, until the process ends.

onnxruntime's threads are not in the child. Destroying a session with four or more of them there ends the process with
SIGSEGV, and its own clean-up at exit hangs or aborts even where the parent had only imported it (1.32). So nothing of
it is destroyed in the child: the sessions stay referenced, and the process leaves without the C library's handlers.
"""

from __future__ import annotations

import ctypes


def keep_for_ever(*objects: object) -> None:
    """Give `objects` a reference that nobody drops."""
    for one in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))


def leave_without_clean_up() -> None:
    """Let this process end, with its exit code, right after Python's own finalization."""
    libc = ctypes.CDLL(None)
    # Handlers run last in, first out, so this one comes before onnxruntime's. Only glibc passes the exit code on.
    if hasattr(libc, "on_exit"):
        libc.on_exit(libc._exit, None)
