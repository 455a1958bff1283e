"""Runs of a graph in a process of its own, to look into one that may be wrong.

Kernels of onnxruntime end the process over sizes that they do not expect, and a wrong graph can have any. What looks
for the reason of a failure must not hide it, nor end the program that asked.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from rnnedge_export.graph.process_guards import guarded
from rnnedge_runtime.contract import Array
from rnnedge_runtime.temporary import temporary_folder
from rnnedge_runtime.untrusted.child_process import run_child

_SECONDS = 600.0
# By this process, which has waited for so long, or by a system without memory.
_KILLED = 9
_RUN = "import sys; sys.path += sys.argv[1:]; from rnnedge_export._inner_values_child import main; main()"


class ProcessEnded(Exception):
    """The process did not come to its end; says how."""


class RunFailed(Exception):
    """onnxruntime refused the graph, or failed over its inputs; says why."""


@dataclass(frozen=True, eq=False)
class Carried:
    """An `input` that gets `first`, and after `warmup` calls what `output` was in the call before."""

    input: str
    output: str
    first: Array
    warmup: int


def run_apart(
    proto: onnx.ModelProto, feeds: Mapping[str, Array], calls: int, carried: Sequence[Carried] = ()
) -> list[Array]:
    """Every output (calls, ...) of `calls` runs, in the order of the graph; `feeds`: (calls, ...) by input name.

    Raises `ProcessEnded`, `RunFailed`, and `NoChild` where no process can be started.
    """
    data = guarded(proto).SerializeToString()
    with temporary_folder("values") as folder:
        path = folder / "values.npz"
        asked = {
            "bytes": len(data), "path": str(path), "calls": calls, "inputs": list(feeds),
            "states": [{"input": s.input, "output": s.output, "warmup": s.warmup} for s in carried],
        }  # fmt: skip
        given = json.dumps(asked).encode() + b"\n" + data + _archive([*feeds.values(), *(s.first for s in carried)])
        said, code = run_child(_RUN, given, _SECONDS, [str(Path(__file__).absolute().parents[2])])
        words = _last_line(said)
        if code or words.keys().isdisjoint(("result", "error")):
            raise ProcessEnded(_how(code))
        if "error" in words:
            raise RunFailed(words["error"])
        with np.load(path, allow_pickle=False) as archive:
            # In the order in which they were given.
            return [archive[name] for name in archive.files]


def _archive(arrays: Sequence[Array]) -> bytes:
    file = io.BytesIO()
    np.savez(file, *arrays)
    return file.getvalue()


def _how(code: int | None) -> str:
    if code is None or code == -_KILLED:
        return f"killed, or no end after {_SECONDS:g} s"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _last_line(said: bytes) -> dict[str, Any]:
    try:
        found = json.loads(said.decode("utf-8", "replace").strip().rpartition("\n")[2])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
