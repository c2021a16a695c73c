"""A thread for work that may never come back."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Thread:
    """Does one thing after another.

    Unlike those of ``ThreadPoolExecutor`` it is a daemon: one that hangs in a model does not keep the
    process from ending.
    """

    def __init__(self, name: str) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)
        self._thread.start()

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Have something done; the future belongs to the running loop.

        Cancelling the future leaves the work to itself.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def tell(result: T | None, failure: Exception | None) -> None:
            if future.done():
                return
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # None only where T is

        def do() -> None:
            result, failure = None, None
            try:
                result = work()
            except Exception as error:
                failure = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(tell, result, failure)

        self._work.put(do)
        return future

    def end(self, within_s: float) -> bool:
        """Wait for what it does; blocks for so long at most.

        Returns:
            Whether it has ended. One that has not ends when its work comes back, or with the process.
        """
        self._work.put(None)
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def _go(self) -> None:
        while (work := self._work.get()) is not None:
            work()
