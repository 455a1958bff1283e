"""The store that `--state` names."""

from __future__ import annotations

from pathlib import Path

from rnnedge.live.stores.memory import MemoryStore
from rnnedge.live.stores.store import Store
from rnnedge_runtime import Model

_REDIS = ("redis://", "rediss://", "unix://")


def file_of(state: Path | str | None) -> Path | None:
    """The file that is named, None if it is no file."""
    return None if state is None or is_redis(state) else Path(state)


def is_redis(state: Path | str | None) -> bool:
    """Whether it is the address of a server of Redis."""
    return str(state or "").startswith(_REDIS)


async def open_store(state: Path | str | None, keep_s: float, most: int, model: Model) -> Store:
    """A store for streams of `model`, each for `keep_s`; in memory and in a file `most` at most.

    Raises `InputError` for a file of another model, or a Redis that cannot be reached.
    """
    if is_redis(state):
        from rnnedge.live.stores.redis_server import RedisStore

        store = RedisStore(str(state), keep_s, model)
        await store.begin()
        return store
    return MemoryStore(keep_s, most, file_of(state), model)
