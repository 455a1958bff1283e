"""What a file from elsewhere looks like, found in a process of its own: to try it is to run the graph of its author.

A Loop may never end, and a kilobyte may want all memory. The process has limits of both, and says what it found in
JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.plain_file import LARGEST, read_plain
from rnnedge_runtime.protobuf_reader import Grammar, Reader
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted.onnx_grammar import ENTRY

_MODEL = Grammar("ModelProto")
_MODEL.add(7, "graph", "blob", repeated=True)
_MODEL.add(14, "metadata", ENTRY, repeated=True)
_MOST_FIELDS = 100_000
_SECONDS, _WAITING = 60, 600
# Beyond what the imports take, and for every byte of the file.
_MEMORY, _COPIES = 4 << 30, 6
_CHILD = "import sys; sys.path[:] = sys.argv[3:]; from rnnedge.cli._foreign_file import main; main()"


def proposal_of(path: str, trust: str | None) -> dict[str, Any] | None:
    """`rnnedge_export.adoption.propose.Proposal` as a dict; None for what is no foreign file, or without onnx.

    Raises `ModelRefused` where that takes too much time or memory.
    """
    if not _may_be_foreign(path, LARGEST if trust == "local" else LIMITS.file_bytes):
        return None
    command = [sys.executable, "-c", _CHILD, path, trust or "", *map(os.path.abspath, sys.path)]
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_WAITING, check=False)
        found: dict[str, Any] | None = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as error:
        raise ModelRefused(
            f"{path}: not made by rnnedge, and to try it took more than {_SECONDS} s of a processor, or "
            f"{_MEMORY >> 30} GiB of memory, or ended the process that tried it"
        ) from error
    return found


def _may_be_foreign(path: str, most: int) -> bool:
    """Whether it is a plain file with a graph and without our contract; a process takes seconds to say the same."""
    try:
        data = read_plain(path, ModelRefused, most=most)
        found = Reader(data, fields=_MOST_FIELDS, depth=2, skips=True).read(_MODEL)
    except ModelRefused:
        return False
    return "graph" in found and not any(one.get("key", "").startswith("rnnedge.") for one in found.get("metadata", ()))


def main() -> None:
    """In the process: its arguments are the path, the trust, and where modules are found."""
    from dataclasses import asdict

    path, trust = sys.argv[1], sys.argv[2] or None
    # Whatever else writes to stdout is not heard.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    found = None
    try:
        from rnnedge_export.adoption.propose import propose
        from rnnedge_export.onnx_files import TooMuch
        from rnnedge_runtime.untrusted.child_limits import lower

        # It writes what it tries to temporary files.
        lower(_SECONDS, _MEMORY + _COPIES * Path(path).stat().st_size, writes=True)
        try:
            found = asdict(propose(path, trust))
        except TooMuch:
            # As if it had ended this process.
            os._exit(1)
    except (ImportError, ModelRefused):
        pass
    print(json.dumps(found), file=out, flush=True)
    # Threads of onnxruntime may still be busy, and nothing here needs an orderly end.
    os._exit(0)
