"""Where a server listens, and connections as they come.

Not by `create_server` of the loop: if a process has no file left for a connection, that writes a thousand tracebacks,
and waits for a second.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress

from rnnedge.live.server.options import ServeOptions
from rnnedge_runtime.errors import InputError

# Connections that wait to be taken, and are taken at once; seconds after which one is tried again that could not be.
_WAITING, _AT_ONCE, _BUSY_S = 1024, 64, 0.05


@asynccontextmanager
async def listening(options: ServeOptions, take: Callable[[socket.socket], None]) -> AsyncIterator[int]:
    """Inside, each connection is given to `take`, which owns it; gives the port.

    Raises `InputError` if the place is taken, or is none.
    """
    with ExitStack() as stack:
        listeners = [stack.enter_context(one) for one in _listeners(options)]
        loop = asyncio.get_running_loop()
        tasks = []
        for one in listeners:
            try:
                _watch(loop, one, take)
            # The loop of Windows has no readers.
            except NotImplementedError:
                tasks.append(asyncio.create_task(_accept(one, take)))
        try:
            yield listeners[0].getsockname()[1]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for one in listeners if not tasks else ():
                loop.remove_reader(one)


def _listeners(options: ServeOptions) -> list[socket.socket]:
    """One for each address of the host; all have the port of the first, if any may be taken."""
    found: list[socket.socket] = []
    port = options.port
    try:
        places = socket.getaddrinfo(options.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, place in dict.fromkeys(places):
            one = socket.create_server((place[0], port, *place[2:]), family=family, backlog=_WAITING)
            one.setblocking(False)
            found.append(one)
            port = one.getsockname()[1]
    # A host that is no name is an error of Unicode.
    except (OSError, UnicodeError) as error:
        for one in found:
            one.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"serve: {options.host}:{options.port}: cannot be listened on ({reason})") from error
    return found


def _watch(loop: asyncio.AbstractEventLoop, listener: socket.socket, take: Callable[[socket.socket], None]) -> None:
    """Take what comes. Not by `sock_accept`: a connection that comes as that is cancelled is an error of the loop."""

    def accept() -> None:
        for _ in range(_AT_ONCE):
            try:
                client, _ = listener.accept()
            except BlockingIOError:
                return
            except OSError:
                # It was gone at once, or there are too many: those that are open go on.
                loop.remove_reader(listener)
                loop.call_later(_BUSY_S, again)
                return
            client.setblocking(False)
            take(client)

    def again() -> None:
        # Unless the server has ended meanwhile.
        if listener.fileno() >= 0:
            loop.add_reader(listener, accept)

    loop.add_reader(listener, accept)


async def _accept(listener: socket.socket, take: Callable[[socket.socket], None]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        with suppress(OSError):
            client, _ = await loop.sock_accept(listener)
            client.setblocking(False)
            take(client)
            continue
        await asyncio.sleep(_BUSY_S)
