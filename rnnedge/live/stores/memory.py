"""Streams that are kept in memory, and in a file from one server to the next."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from rnnedge.live.stores.state_file import read_streams, write_streams
from rnnedge.live.stores.store import Kept, in_use, nothing_kept
from rnnedge_runtime import Model


class MemoryStore:
    """Each for `keep_s` after it was left, `most` at most; `close` writes them to `path`, if there is one.

    `holder` of a claim is who has the stream open: a process, whose claims can be given up together.
    """

    def __init__(self, keep_s: float, most: int, path: Path | None = None, model: Model | None = None) -> None:
        """`model`: whose streams the file has. Raises `InputError` for a file of another one."""
        self._keep_s, self._most, self._path, self._model = keep_s, most, path, model
        self._open: dict[str, object] = {}
        self._kept: dict[str, tuple[float, Kept]] = {}
        if path is not None and model is not None:
            self.restore(read_streams(path, model))

    @property
    def kept(self) -> Mapping[str, Kept]:
        """Where each stands."""
        self._expire()
        return {name: kept for name, (_, kept) in self._kept.items()}

    def restore(self, kept: Mapping[str, Kept]) -> None:
        """Streams that another server has left."""
        until = monotonic() + self._keep_s
        self._kept |= {name: (until, one) for name, one in kept.items()}

    def holder(self, name: str) -> object | None:
        """Who has the stream open."""
        return self._open.get(name)

    def latest(self, name: str) -> Kept | None:
        """Where it stood when that was last said."""
        return self._kept.get(name, (0.0, None))[1]

    async def claim(self, name: str, resume: bool, holder: object = "") -> Kept | None:
        """As `Store.claim`."""
        if name in self._open:
            raise in_use(name)
        until, kept = self._kept.get(name, (0.0, None))
        if resume and (kept is None or until <= monotonic()):
            raise nothing_kept(name)
        self._open[name] = holder
        if not resume:
            self._kept.pop(name, None)
            return None
        return kept

    async def put(self, name: str, kept: Kept, still_open: bool = False) -> None:
        """As `Store.put`."""
        self._expire()
        # The latest one last.
        self._kept.pop(name, None)
        self._kept[name] = (monotonic() + self._keep_s, kept)
        if not still_open:
            self._open.pop(name, None)

    async def free(self, name: str, keep: bool) -> None:
        """As `Store.free`."""
        self._open.pop(name, None)
        if not keep:
            self._kept.pop(name, None)

    def give_up(self, holder: object) -> None:
        """A holder is gone: its streams are free, where they stood when it last said so."""
        until = monotonic() + self._keep_s
        for name in [name for name, one in self._open.items() if one == holder]:
            del self._open[name]
            if name in self._kept:
                self._kept[name] = (until, self._kept[name][1])

    async def close(self) -> str:
        """As `Store.close`. Raises `InputError` if the file cannot be written."""
        if self._path is None or self._model is None:
            return ""
        write_streams(self._path, self._model, kept := self.kept)
        return f"{self._path}: {len(kept)} streams"

    def _expire(self) -> None:
        """Forget those whose time is over, and the oldest beyond as many as there may be."""
        now = monotonic()
        alive = [(name, one) for name, one in self._kept.items() if one[0] > now or name in self._open]
        self._kept = dict(alive[-self._most :])
