"""A stretch of network that can be cut: connections broken off, or nothing heard any more."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.hanging import HANGS

RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: a close is an RST
CHUNK = 65536

Address = Path | tuple[str, int]


class Relay:
    """Passes bytes between who connects to ``host`` and a server, until it is cut.

    Listens on a port that is the same for its whole life, with 0 on one that is free.
    ``target`` is an address or the path of a Unix socket. A context manager.
    """

    def __init__(self, host: str, port: int, target: Address) -> None:
        self.host, self.port, self.target = host, port, target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._passing = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def reset(self) -> None:
        """Break off every connection, and each new one as soon as it is made."""
        self._do(self._reset())

    def silence(self) -> None:
        """Pass nothing on, not even an end; connections stay open, and new ones are taken.

        What a cut between two networks looks like from either side, except that TCP has
        its word taken: so nothing but a deadline of one's own will notice.
        """
        self._do(self._set(passing=False))

    def heal(self) -> None:
        """Pass everything on again, also what was sent meanwhile, as TCP would."""
        self._do(self._set(passing=True))

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(HANGS)

    async def _listen(self) -> None:
        self._passing.set()
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, *, passing: bool) -> None:
        self._refusing = False
        (self._passing.set if passing else self._passing.clear)()

    async def _reset(self) -> None:
        self._refusing = True
        for writer in self._writers:
            _break_off(writer)

    async def _end(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        opened = [writer]
        self._writers.add(writer)
        try:
            if self._refusing:
                return
            await self._passing.wait()
            far_reader, far_writer = await self._connect()
            opened.append(far_writer)
            if self._refusing:
                return
            self._writers.add(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_on(reader, far_writer))
                both.create_task(self._pass_on(far_reader, writer))
        except* (OSError, asyncio.CancelledError):
            pass  # broken off at one end: so it is at the other
        finally:
            self._tasks.discard(task)
            for each in opened:
                self._writers.discard(each)
                _break_off(each)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.target, Path):
            return await asyncio.open_unix_connection(self.target)
        return await asyncio.open_connection(*self.target)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            data = await reader.read(CHUNK)
            await self._passing.wait()
            if not data:
                return writer.write_eof()
            writer.write(data)
            await writer.drain()


def _break_off(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if raw is not None and raw.family == socket.AF_INET:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
