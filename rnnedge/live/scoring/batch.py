"""Recordings of several lengths in one batch, each exactly as by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnedge_runtime import Member, Model, StreamPool
from rnnedge_runtime.contract import Array
from rnnedge_runtime.golden import named

Parts = dict[str, list[Array]]


def run_batch(model: Model, recordings: Sequence[Array]) -> list[dict[str, Array]]:
    """What `model.run` gives for each of `recordings` (time, ...), by output; within rounding of a batched call.

    They advance together in pieces up to the end of the shortest, which leaves, and so on: nothing is padded, so models
    that look ahead, and summaries, are right too. The closer the lengths, the fewer calls. Raises `InputError` as
    `model.run` does; a file with a fixed batch runs them one after the other.
    """
    if model.contract.batch is not None or len(recordings) < 2:
        return [_by_name(model, model.run(x)) for x in recordings]
    pool = model.pool(len(recordings))
    rest = {pool.join(f"recording {i}"): x for i, x in enumerate(recordings)}
    found: dict[Member, Parts] = {member: {port.name: [] for port in model.contract.outputs} for member in rest}
    order = list(rest)
    # The first calls of a network with a delay run one member at a time; they are short.
    rest = _advance(pool, rest, found, model.contract.warmup * model.contract.unit)
    while rest:
        rest = _advance(pool, _finished(pool, rest, found), found, model.contract.piece)
    return [_joined(model, found[member]) for member in order]


def _advance(
    pool: StreamPool, rest: dict[Member, Array], found: Mapping[Member, Parts], most: int
) -> dict[Member, Array]:
    """Push as many frames to each as the shortest has, `most` at most; returns what is left of each."""
    count = min([most, *map(len, rest.values())])
    if not rest or not count:
        return rest
    for member, given in pool.push({member: x[:count] for member, x in rest.items()}).items():
        _keep(pool, found[member], given)
    return {member: x[count:] for member, x in rest.items()}


def _finished(pool: StreamPool, rest: dict[Member, Array], found: Mapping[Member, Parts]) -> dict[Member, Array]:
    """Those that have frames left; the others end and leave."""
    for member in [member for member, x in rest.items() if not len(x)]:
        _keep(pool, found[member], pool.finish(member))
        pool.leave(member)
        del rest[member]
    return rest


def _keep(pool: StreamPool, parts: Parts, given: Any) -> None:
    for name, array in named(pool.contract, given).items():
        parts[name].append(array)


def _joined(model: Model, parts: Parts) -> dict[str, Array]:
    """Frames one after the other; of a summary the last, which comes from the end."""
    return {
        port.name: np.concatenate(parts[port.name]) if port.per_frame else parts[port.name][-1][0]
        for port in model.contract.outputs
    }


def _by_name(model: Model, given: Any) -> dict[str, Array]:
    return dict(named(model.contract, given))
