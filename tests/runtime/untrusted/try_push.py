"""Load files strictly, push frames of one number to each, and print what came of it.

Usage: python try_push.py [unguarded] FILE NUMBER FILE NUMBER ...  Prints one line for each: refused, error, or pushed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rnnedge_runtime import Model, RnnEdgeError
from rnnedge_runtime.loader import open_bytes
from rnnedge_runtime.untrusted import LIMITS
from rnnedge_runtime.untrusted._guards import Guards

# How long a file takes is not asked here.
PATIENT = LIMITS._replace(seconds=60.0)


def main() -> None:
    """In this process, which a push may end."""
    given = sys.argv[1:]
    if given[0] == "unguarded":
        Guards.before = lambda _self, _node, message, _scope: [message]  # type: ignore[method-assign]
        given = given[1:]
    for path, number in zip(given[::2], given[1::2], strict=True):
        print(tried(Path(path), float(number)), flush=True)


def tried(path: Path, number: float) -> str:
    """One word."""
    try:
        model = Model(open_bytes(path.read_bytes(), path.name, trust="strict", in_child=False, limits=PATIENT))
    except RnnEdgeError:
        return "refused"
    try:
        port = model.contract.inputs[0]
        model.stream().push(np.full((1, *port.frame_shape), number, port.dtype))
    except RnnEdgeError:
        return "error"
    return "pushed"


if __name__ == "__main__":
    main()
