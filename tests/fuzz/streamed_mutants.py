"""What a file that a strict load accepts does with 64 frames, on onnxruntime and as machine code."""

from __future__ import annotations

import numpy as np
from node_mutants import loud_frames

from rnnedge_runtime import Model, RnnEdgeError
from rnnedge_runtime.engines.settings import Settings
from rnnedge_runtime.loader import load_bytes

TOLERANCE = 1e-3
_LIMIT_S = 1.5
Outputs = list[np.ndarray | None]


def streamed(data: bytes, seed: int, *, native: bool) -> str:
    """One of refused and accepted; other words say what is wrong.

    Accepted is a file that takes 64 frames one by one, and together, or says by an `RnnEdgeError` why it does not, and
    whose outputs are the same on both engines, if `native` says that both are asked.
    """
    frames = loud_frames(seed)
    try:
        found = _outputs(load_bytes(data, "mutant.onnx", trust="strict", in_child=False), frames)
    except RnnEdgeError as error:
        return f"a message of several lines: {error!r}" if "\n" in str(error) else "refused"
    except Exception as error:
        return f"another exception: {type(error).__name__}: {str(error)[:200]}"
    if not native:
        return "accepted"
    try:
        other = _outputs(load_bytes(data, "mutant.onnx", Settings("native"), trust="strict", in_child=False), frames)
    except RnnEdgeError:
        return "accepted"
    return _compared(found, other)


def _outputs(model: Model, frames: np.ndarray) -> Outputs:
    """Of every frame by itself; None where it was an error. All at once too, which only has to end."""
    stream = model.stream(time_limit_s=_LIMIT_S)
    outputs: Outputs = []
    for frame in frames:
        try:
            outputs.append(np.asarray(stream.push(frame[None])))
        except RnnEdgeError:
            outputs.append(None)
    try:
        whole = model.stream(time_limit_s=_LIMIT_S)
        whole.push(frames)
        whole.finish()
    except RnnEdgeError:
        pass
    return outputs


def _compared(found: Outputs, other: Outputs) -> str:
    for index, (one, two) in enumerate(zip(found, other, strict=True)):
        if one is None or two is None:
            # An engine may look closer than the other one, but never give numbers where there are none.
            continue
        if not np.allclose(one, two, rtol=1e-6, atol=TOLERANCE, equal_nan=True):
            return f"accepted, and the engines differ in frame {index}: {one.ravel()[:3]} {two.ravel()[:3]}"
    return "accepted"
