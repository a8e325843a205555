"""Requests under way: what has to end before the server can."""

import asyncio
from typing import Any

from assay.http.asgi import App, Receive, Scope, Send


class InFlight:
    """Stands in front of the doors and remembers which requests are under way."""

    def __init__(self, app: App) -> None:
        """Stand in front of ``app``."""
        self._app = app
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        task = asyncio.current_task()
        if task is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._tasks.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Break off every request that is still under way; uploads among them keep nothing."""
        for task in tuple(self._tasks):
            task.cancel()
