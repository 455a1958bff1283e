"""The doors of `rnnedge_runtime`, over one small network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from door import Door

from rnnedge_runtime import Batcher, Member, StateMonitor, load, realtime, replay

# Made by the library and handed out: an own one is a record of what its maker says, which a door then looks at.
RECORDS = {"Alarm", "Contract", "Event", "Golden", "GoldenReport", "Normalization", "Port", "Realtime", "State", "Tap"}
# Made by the function that their docstring names.
MADE_FOR_US = {"Batcher", "Member", "Model", "Stream", "StreamPool"}


def _waited(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return call(*args, **kwargs).result(30)


def runtime_doors(path: Path, folder: Path) -> dict[str, Door]:
    """By the name under which a user calls them; `path` is an exported file of one input, (time, 5) float32."""
    model = load(path)
    frames = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    stream = model.stream(gap="hold")
    stream.push(frames)
    kept = stream.snapshot()
    stream.save(folder / "stream.state")

    pool = model.pool(4)
    members = [pool.join(f"m{k}") for k in range(2)]
    pool.push(dict.fromkeys(members, frames))
    shared = model.pool(4)
    batcher = shared.batcher(0.0)
    own, other = batcher.join("own"), batcher.join("other")
    for member in (own, other):
        batcher.push(member, frames)

    def of_stream() -> object:
        return stream.snapshot(), sorted(p.name for p in folder.iterdir())

    def of_pool() -> object:
        return pool.members, [(m.name, pool.frames(m), pool.snapshot(m)) for m in pool.members]

    def of_batcher() -> object:
        return shared.members, [(m.name, _waited(batcher.snapshot, m)) for m in (own, other)]

    def join(
        name: Any = "x", non_finite: Any = "reject", gap: Any = "reset", on_event: Any = None, context: Any = None
    ) -> Member:
        return pool.join(name, non_finite=non_finite, gap=gap, on_event=on_event, context=context)

    def join_batcher(
        name: Any = "x", non_finite: Any = "reject", gap: Any = "reset", on_event: Any = None, context: Any = None
    ) -> Member:
        return batcher.join(name, non_finite=non_finite, gap=gap, on_event=on_event, context=context)

    def leave(member: Any) -> None:
        pool.leave(pool.join("gone") if member is good_member else member)

    def leave_batcher(member: Any) -> None:
        _waited(batcher.leave, batcher.join("gone") if member is own else member)

    def apush(member: Any, frames: Any, deadline_s: Any = None) -> Any:
        return asyncio.run(batcher.apush(member, frames, deadline_s))

    def submit(member: Any, frames: Any, deadline_s: Any = None) -> Any:
        return _waited(batcher.submit, member, frames, deadline_s)

    def made(max_wait_s: Any = 0.005, queue: Any = 4, full: Any = "block") -> Batcher:
        return model.pool(1).batcher(max_wait_s, queue=queue, full=full)

    def in_batcher(name: str, *others: str) -> Callable[..., Any]:
        call = getattr(batcher, name)
        if not others:
            return lambda member: _waited(call, member)
        if name == "set_context":
            return lambda member, context: _waited(call, member, context)
        if name == "gap":
            return lambda member, frames: _waited(call, member, frames)
        return lambda member, data, name="snapshot": _waited(call, member, data, name)

    good_member = members[0]
    data = path.read_bytes()
    return {
        "load": Door(load, {"path": path}),
        "load of bytes": Door(load, {"path": data, "trust": "local"}),
        "replay": Door(replay, {"model": model}),
        "realtime": Door(realtime, {}),
        "Model.stream": Door(model.stream, {}),
        "Model.pool": Door(model.pool, {"capacity": 2}),
        "Model.run": Door(model.run, {"frames": frames}),
        "Model.probabilities": Door(model.probabilities, {"values": model.run(frames)}),
        "Model.with_context": Door(model.with_context, {}),
        "Stream.push": Door(stream.push, {"frames": frames}, of_stream),
        "Stream.gap": Door(stream.gap, {"frames": 1}, of_stream),
        "Stream.restore": Door(stream.restore, {"data": kept}, of_stream),
        "Stream.set_context": Door(stream.set_context, {"context": {}}, of_stream),
        "Stream.save": Door(stream.save, {"path": folder / "other.state"}, of_stream, partial(_tidy, folder)),
        "Stream.load": Door(stream.load, {"path": folder / "stream.state"}, of_stream),
        "StreamPool.join": Door(join, {}, of_pool, pool.leave),
        "StreamPool.leave": Door(leave, {"member": good_member}, of_pool),
        "StreamPool.frames": Door(pool.frames, {"member": good_member}, of_pool),
        "StreamPool.push": Door(pool.push, {"frames": {good_member: frames}}, of_pool),
        "StreamPool.push of one": Door(lambda frames: pool.push({good_member: frames}), {"frames": frames}, of_pool),
        "StreamPool.push of a member": Door(
            lambda frames, neighbour: pool.push({members[1]: neighbour, good_member: frames}),
            {"frames": frames, "neighbour": frames},
            of_pool,
        ),
        "StreamPool.plain": Door(pool.plain, {"frames": frames}, of_pool),
        "StreamPool.gap": Door(pool.gap, {"member": good_member, "frames": 2}, of_pool),
        "StreamPool.finish": Door(
            pool.finish, {"member": good_member}, of_pool, lambda _: pool.restore(good_member, kept)
        ),
        "StreamPool.reset": Door(pool.reset, {"member": good_member}, of_pool),
        "StreamPool.set_context": Door(pool.set_context, {"member": good_member, "context": {}}, of_pool),
        "StreamPool.snapshot": Door(pool.snapshot, {"member": good_member}, of_pool),
        "StreamPool.restore": Door(pool.restore, {"member": good_member, "data": kept}, of_pool),
        "StreamPool.batcher": Door(made, {}, after=Batcher.close),
        "Batcher.join": Door(join_batcher, {}, of_batcher, lambda m: _waited(batcher.leave, m)),
        "Batcher.leave": Door(leave_batcher, {"member": own}, of_batcher),
        "Batcher.submit": Door(submit, {"member": own, "frames": frames}, of_batcher),
        "Batcher.push": Door(batcher.push, {"member": own, "frames": frames}, of_batcher),
        "Batcher.apush": Door(apush, {"member": own, "frames": frames}, of_batcher),
        "Batcher.gap": Door(in_batcher("gap", "frames"), {"member": own, "frames": 2}, of_batcher),
        "Batcher.finish": Door(
            in_batcher("finish"), {"member": own}, of_batcher, lambda _: _waited(batcher.restore, own, kept)
        ),
        "Batcher.reset": Door(in_batcher("reset"), {"member": own}, of_batcher),
        "Batcher.set_context": Door(in_batcher("set_context", "context"), {"member": own, "context": {}}, of_batcher),
        "Batcher.snapshot": Door(in_batcher("snapshot"), {"member": own}, of_batcher),
        "Batcher.restore": Door(in_batcher("restore", "data"), {"member": own, "data": kept}, of_batcher),
        "StateMonitor.__init__": Door(StateMonitor, {"stream": stream}),
        "Contract.whole_length": Door(model.contract.whole_length, {"frames": 7}),
        "Contract.complete_after": Door(model.contract.complete_after, {"fed": 7, "total": 7}),
    }


def _tidy(folder: Path, _: object) -> None:
    for path in folder.iterdir():
        if path.name != "stream.state":
            path.unlink()
