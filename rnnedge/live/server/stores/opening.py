"""The store that `--state` names."""

from __future__ import annotations

from pathlib import Path

from rnnedge.live.server.options import ServeOptions
from rnnedge.live.server.stores.memory import MemoryStore
from rnnedge.live.server.stores.store import Store
from rnnedge_runtime import Model

_REDIS = ("redis://", "rediss://", "unix://")


def file_of(state: Path | str | None) -> Path | None:
    """The file that is named, None if it is no file."""
    return None if state is None or is_redis(state) else Path(state)


def is_redis(state: Path | str | None) -> bool:
    """Whether it is the address of a server of Redis."""
    return str(state or "").startswith(_REDIS)


async def open_store(options: ServeOptions, model: Model) -> Store:
    """Raises `InputError` for a file of another model, or a Redis that cannot be reached."""
    if is_redis(options.state):
        from rnnedge.live.server.stores.redis_server import RedisStore

        store = RedisStore(str(options.state), options.keep_s, model)
        await store.begin()
        return store
    return MemoryStore(options.keep_s, options.streams, file_of(options.state), model)
