"""A program as a user writes it, with neither a cast nor an assert; read by a type checker, never run."""

from __future__ import annotations

import numpy as np

import rnnedge
from rnnedge import Model, Outputs, Stream


def one_output(path: str) -> float:
    """`push`, `finish` and `run` give an array."""
    stream = rnnedge.load(path).stream()
    ready = stream.push(np.zeros((4, 40), np.float32))
    last = stream.finish()
    whole = rnnedge.load(path).run(np.zeros((4, 40), np.float32))
    stream.input[...] = 0.0
    count: int = stream.step()
    newest = stream.output[-count:]
    return float(np.concatenate([ready, last, whole, newest]).mean() + ready[0].max() + len(ready.shape))


def several_outputs(path: str) -> dict[str, tuple[int, ...]]:
    """A dict by name, because the annotation says so."""
    model: Model[Outputs] = rnnedge.load(path)
    stream = model.stream(batch=2)
    found = stream.push({"mic": np.zeros((2, 4, 40), np.float32), "reference": np.zeros((2, 4, 40), np.float32)})
    found["mask"].clip(0, 1)
    return {name: frames.shape for name, frames in found.items()} | {
        name: a.shape for name, a in stream.finish().items()
    }


def many(model: Model) -> list[int]:
    """A pool gives what a stream does, for each member; so does a batcher."""
    pool = model.pool(4)
    member = pool.join()
    pushed = pool.push({member: np.zeros((4, 40), np.float32)})
    with pool.batcher() as batcher:
        later = batcher.submit(member, np.zeros((4, 40), np.float32)).result()
        return [pushed[member].size, later.size, batcher.push(member, np.zeros((4, 40), np.float32)).size]


def listen(stream: Stream) -> int:
    """A bare name stands for one output."""
    return stream.push(np.zeros((1, 40), np.float32)).argmax().item()
