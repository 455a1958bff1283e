"""Load a file strictly, push frames of one number, and print what came of it.

Usage: python try_push.py FILE NUMBER [unguarded]
"""

from __future__ import annotations

import sys

import numpy as np

from rnnedge_runtime import RnnEdgeError, load
from rnnedge_runtime.untrusted._guards import Guards


def main() -> None:
    """One word: refused, error, or pushed."""
    if sys.argv[3:] == ["unguarded"]:
        Guards.before = lambda _self, _node, message, _scope: [message]  # type: ignore[method-assign]
    try:
        model = load(sys.argv[1], trust="strict")
    except RnnEdgeError as error:
        print("refused", error)
        return
    try:
        port = model.contract.inputs[0]
        model.stream().push(np.full((1, *port.frame_shape), float(sys.argv[2]), port.dtype))
        print("pushed")
    except RnnEdgeError as error:
        print("error", error)


if __name__ == "__main__":
    main()
