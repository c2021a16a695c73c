"""Small ASGI apps for tests of what lies under them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from voicesrv.transport.wire import Wire, wire_of


class EchoApp:
    """Sends back what it gets, and remembers what happened."""

    def __init__(self) -> None:
        self.state = SimpleNamespace()
        self.events: list[str] = []
        self.asked = asyncio.Event()
        """A handshake has come."""
        self.accepting = asyncio.Event()
        """Cleared, it lets handshakes wait."""
        self.accepting.set()
        self.wires: asyncio.Queue[Wire] = asyncio.Queue()
        self.gone: asyncio.Queue[Message] = asyncio.Queue()
        """The disconnect of each WebSocket."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.live(receive, send)
        elif scope["type"] == "http":
            await answer(send, scope["path"].encode())
        else:
            await self.talk(scope, receive, send)

    async def live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.events.append("started")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.events.append("ended")
        await send({"type": "lifespan.shutdown.complete"})

    async def talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        self.asked.set()
        await self.accepting.wait()
        await send({"type": "websocket.accept"})
        self.wires.put_nowait(wire_of(scope))
        while (message := await receive())["type"] != "websocket.disconnect":
            await self.heard(message, send)
        self.gone.put_nowait(message)

    async def heard(self, message: Message, send: Send) -> None:
        said = {key: message[key] for key in ("text", "bytes") if message.get(key) is not None}
        await send({"type": "websocket.send", **said})


class FloodApp(EchoApp):
    """Sends without end once it hears something; two tasks, as in the real pump."""

    async def heard(self, message: Message, send: Send) -> None:
        async def flood() -> None:
            try:
                while True:
                    await send({"type": "websocket.send", "bytes": bytes(4800)})
            except ClientDisconnected:
                self.events.append("stopped")

        self.flooding = asyncio.create_task(flood())


class DeafApp(EchoApp):
    """Takes no message until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.listening = asyncio.Event()

    async def heard(self, message: Message, send: Send) -> None:
        await self.listening.wait()
        await super().heard(message, send)


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    """Answer a request."""
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})
