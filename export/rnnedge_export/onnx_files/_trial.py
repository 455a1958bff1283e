"""A foreign ONNX file is first opened and run in a process of its own, with limits of memory and time.

To export it is to run it: what follows from its constants is computed, and it is the oracle of the proof. A kilobyte
can want all memory, by a size that it computes, or never come to an end. A file all of whose sizes are known without
running it (`_bounded`) needs no process.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import onnx

from rnnedge_export.graph.process_guards import guarded
from rnnedge_export.onnx_files._bounded import is_bounded
from rnnedge_runtime.errors import ModelRefused
from rnnedge_runtime.untrusted.child_process import NoChild, run_child

_SECONDS, _WAITING = 60, 600.0
# Beyond what the imports take, and for every byte of the file.
_MEMORY, _COPIES = 4 << 30, 6
_RUN = "import sys; sys.path += sys.argv[1:]; from rnnedge_export._source_trial_child import main; main()"
_REMEDY = "if you trust whoever made it, take it with trust='local' (--trust local)"


class TooMuch(ModelRefused):
    """What a file wants is beyond the limits."""


def try_apart(proto: onnx.ModelProto, path: str) -> None:
    """Raise `TooMuch` for a graph that wants too much memory or time, or ends the process that runs it.

    Where no process can be started, it is run here, with a warning.
    """
    if is_bounded(proto):
        return
    data = guarded(proto).SerializeToString()
    asked = {"seconds": _SECONDS, "memory": _MEMORY + _COPIES * len(data)}
    here = str(Path(__file__).absolute().parents[2])
    try:
        said, code = run_child(_RUN, json.dumps(asked).encode() + b"\n" + data, _WAITING, [here])
    except NoChild as error:
        warnings.warn(
            f"{path}: an untrusted file is tried in this process, since no other one can be started ({error}); "
            "one that wants all memory takes it",
            RuntimeWarning,
            stacklevel=2,
        )
        return
    words = said.decode("ascii", "replace").split("\n")
    if code or '{"result": "fits"}' not in words:
        raise TooMuch(
            f"{path}: to open and run it took more than {_SECONDS} s of a processor, or {_MEMORY >> 30} GiB of memory, "
            f"or ended the process that tried it; {_REMEDY}"
        )
