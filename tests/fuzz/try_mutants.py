"""Load mutants one after the other and say what came of each; run by `mutant_pool` in a process of its own.

Usage: python try_mutants.py KIND FOLDER SEED SEED ...  Prints "seed" before and "result" behind each, a line each.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from byte_mutants import damaged, resealed
from node_mutants import mutant
from operator_mutants import LOUD, hostile_operator
from peak_memory import peak_mib
from streamed_mutants import streamed
from structural_mutants import structural

from rnnedge_runtime import Model, ModelRefused, RnnEdgeError, replay
from rnnedge_runtime.loader import load_bytes

Maker = Callable[[Sequence[bytes], int], tuple[bytes, bytes]]


def verdict(data: bytes, original: bytes) -> str:
    """One of accepted, refused and busy; other words say what is wrong."""
    try:
        model = load_bytes(data, "mutant.onnx", trust="strict", in_child=False)
    except ModelRefused as error:
        if "\n" in str(error):
            return f"a message of several lines: {error!r}"
        return "busy" if "still busy" in str(error) else "refused"
    except Exception as error:
        return f"another exception: {type(error).__name__}: {str(error)[:200]}"
    pushed = _push(model)
    if pushed:
        return pushed
    if data != original and hashlib.sha256(data[:-64]).hexdigest().encode() != data[-64:]:
        return "accepted, and differs from its hash"
    return "accepted" if replay(model).passed else "accepted, and computes something else"


def _push(model: Model) -> str:
    """What is wrong with pushes of 64 frames, and of one that is loud: an error that is none of this project's."""
    port = model.contract.inputs[0]
    try:
        stream = model.stream()
    # Its batch, or the size of its states, may be one that a stream does not have.
    except RnnEdgeError:
        return ""
    for frames, value in ((64, 0.5), (1, LOUD)):
        try:
            stream.push(np.full((frames, *port.frame_shape), value).astype(port.dtype))
        except RnnEdgeError:
            continue
        except Exception as error:
            return f"another exception in a push: {type(error).__name__}: {str(error)[:200]}"
    return ""


def _node(_files: Sequence[bytes], seed: int) -> tuple[bytes, bytes]:
    return mutant(seed), b""


def _crash(_files: Sequence[bytes], _seed: int) -> tuple[bytes, bytes]:
    ctypes.string_at(0)
    raise AssertionError


def _hang(_files: Sequence[bytes], _seed: int) -> tuple[bytes, bytes]:
    time.sleep(60)
    raise AssertionError


def _type(_files: Sequence[bytes], _seed: int) -> tuple[bytes, bytes]:
    return 3, b""  # type: ignore[return-value]


# The last three are defects planted on purpose, to see that the pool finds them.
MAKERS: dict[str, Maker] = {
    "damaged": damaged, "resealed": resealed, "structural": structural, "operator": hostile_operator,
    "node": _node, "node-on-both": _node,
    "crash": _crash, "hang": _hang, "type": _type,
}  # fmt: skip


def main() -> None:
    """Try every seed of the command line; stop after one that leaves a kernel behind, which would slow the others."""
    kind, folder, *seeds = sys.argv[1:]
    files = [path.read_bytes() for path in sorted(Path(folder).glob("*.onnx"))]
    out = os.fdopen(os.dup(1), "w", buffering=1)
    for seed in map(int, seeds):
        print(seed, file=out)
        data, original = MAKERS[kind](files, seed)
        result = streamed(data, seed, native=kind == "node-on-both") if "node" in kind else verdict(data, original)
        print(f"{peak_mib()} {result}".replace("\n", " "), file=out)
        if result == "busy":
            os._exit(0)


if __name__ == "__main__":
    main()
