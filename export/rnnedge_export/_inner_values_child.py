"""What runs in the process of `verification.runs_apart`: a graph, call after call, all values of which are wanted.

Reads from stdin a line of JSON, the graph, and an archive of arrays: of each input its calls (calls, ...), then the
first states. Writes an archive of every output (calls, ...) to the path that it is told, and lines of JSON to stdout,
of which the last one has `result`, or the `error` of onnxruntime.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any

from rnnedge_runtime.untrusted.child_limits import answers

_MOST_CHARACTERS = 500


def main() -> None:
    """Run it; ends the process."""
    say = answers()
    asked = json.loads(sys.stdin.buffer.readline())
    from rnnedge_export.graph.cpu_session import session_of

    data = sys.stdin.buffer.read(asked["bytes"])
    arrays = _arrays(sys.stdin.buffer.read())
    try:
        found = _run(session_of(data), asked, arrays)
    # onnxruntime has a type of its own for every way to fail.
    except Exception as error:
        say(error=f"{type(error).__name__}: {error}"[:_MOST_CHARACTERS])
    else:
        _write(asked["path"], found)
        say(result="done")
    # Nothing here needs an orderly end.
    os._exit(0)


def _run(session: Any, asked: dict[str, Any], arrays: list[Any]) -> list[list[Any]]:
    feeds = dict(zip(asked["inputs"], arrays, strict=False))
    first = dict(zip((s["input"] for s in asked["states"]), arrays[len(feeds) :], strict=True))
    states, found = dict(first), []
    for call in range(asked["calls"]):
        values = session.run(None, {name: array[call, ...] for name, array in feeds.items()} | states)
        named = dict(zip((port.name for port in session.get_outputs()), values, strict=True))
        states = {s["input"]: first[s["input"]] if call < s["warmup"] else named[s["output"]] for s in asked["states"]}
        found.append(values)
    return found


def _arrays(data: bytes) -> list[Any]:
    import numpy as np

    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        # In the order in which they were given.
        return [archive[name] for name in archive.files]


def _write(path: str, calls: list[list[Any]]) -> None:
    """Of what is no array of numbers, such as a sequence, nothing."""
    import numpy as np

    every = [[value if _is_numbers(value) else np.zeros(0) for value in values] for values in zip(*calls, strict=True)]
    np.savez(path, *map(np.stack, every))


def _is_numbers(value: Any) -> bool:
    return getattr(value, "dtype", None) is not None and value.dtype.kind in "biufc"
