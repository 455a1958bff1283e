"""WebSockets of aiohttp that hand over messages as they are read.

A task that is woken for each message, and a timer that is set anew for each, cost a third of all that is done with a
frame. So what aiohttp puts into the queue of its reader is offered to `take` first, in the call that has read it, and
whether a client is there is asked by one clock for all. This leans on names that aiohttp does not document; where they
are not, messages come through the task, slower.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

Take: TypeAlias = Callable[[bytes], bool]


def open_socket(most_bytes: int, heartbeat_s: float) -> Any:
    """A `WebSocketResponse` of aiohttp; `tap` is the queue of its reader, None where it is not one of `_tapped`."""
    return _tapped()(compress=False, max_msg_size=most_bytes, heartbeat=heartbeat_s, timeout=1.0)


@cache
def _tapped() -> Any:
    """The type of a socket, made when aiohttp is first needed."""
    from aiohttp import WSMsgType, web
    from aiohttp import web_ws as module

    web_ws: Any = module

    binary, text = WSMsgType.BINARY, WSMsgType.TEXT
    queue_type: Any = getattr(web_ws, "WebSocketDataQueue", None)
    if queue_type is None:
        return type("Untapped", (web.WebSocketResponse,), {"tap": None})

    class Tap(queue_type):  # type: ignore[misc]
        """`take` is offered binary messages, unless one before them waits in the queue; False leaves them there.

        `behind`: messages in the queue that its reader has not done yet. `heard`: whether anything has come.
        """

        take: Take | None = None
        behind = 0
        heard = True

        def feed_data(self, data: Any, *size: int) -> None:
            self.heard = True
            if data.type is binary and self.take is not None and not self.behind and self._taken(data.data):
                return
            if data.type is binary or data.type is text:
                self.behind += 1
            super().feed_data(data, *size)

        def _taken(self, data: bytes) -> bool:
            # An error here would end in the C that calls this; it comes again where the task takes the message.
            try:
                return self.take is not None and self.take(data)
            except Exception:
                return False

    class Tapped(web.WebSocketResponse):
        """A socket whose own pings never begin, if its messages go through a `Tap`."""

        tap: Any = None

        def _post_start(self, *given: Any) -> None:
            web_ws.WebSocketDataQueue = Tap
            try:
                super()._post_start(*given)
            finally:
                web_ws.WebSocketDataQueue = queue_type
            self.tap = self._reader if isinstance(self._reader, Tap) else None
            self._reset_heartbeat()

        def _reset_heartbeat(self) -> None:
            if self.tap is None and self._reader is not None:
                super()._reset_heartbeat()

        def _on_data_received(self) -> None:
            # A part of a long message.
            if self.tap is None:
                super()._on_data_received()
            else:
                self.tap.heard = True

    return Tapped
