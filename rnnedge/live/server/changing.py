"""How another model comes to be served: here, or in all workers of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from rnnedge.live.server.hub import Hub
from rnnedge_runtime import Model
from rnnedge_runtime.errors import InputError, RnnEdgeError

Load = Callable[[Path], Model]


class Change(Protocol):
    """Both return what was done, in words, and raise `InputError` if nothing was."""

    async def switch(self, hub: Hub, file: Path, share: float) -> str:
        """Serve this file to a share of the new streams; it may be deleted afterwards."""

    async def back(self, hub: Hub) -> str:
        """Serve the model before again."""


class ChangeHere:
    """In a server of one process; `load` opens a file as the served one was opened."""

    def __init__(self, load: Load | None) -> None:
        self._load = load

    async def switch(self, hub: Hub, file: Path, share: float) -> str:
        """As `Change.switch`."""
        model = await loaded(self._load, file)
        await hub.switch(model, share)
        return serving(model.digest, share, hub.others)

    async def back(self, hub: Hub) -> str:
        """As `Change.back`."""
        await hub.back()
        return serving(hub.model.digest, 1.0, hub.others)


async def loaded(load: Load | None, file: Path) -> Model:
    """The model of a posted file. Raises `InputError` if it is none that may be served."""
    if load is None:
        raise InputError("serve: this server was started without a way to load another model")
    try:
        return await asyncio.get_running_loop().run_in_executor(None, load, file)
    except RnnEdgeError as error:
        raise InputError(str(error).replace(str(file), "the posted model")) from error


def serving(digest: str, share: float, others: int) -> str:
    """What was done, in words."""
    to = "" if share == 1 else f" to {share:.4g} of the new streams"
    return f"serving {digest[:16]}{to}; {others} streams end on another model"
