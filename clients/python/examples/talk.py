"""Talk with microphone and headphones: python talk.py [URL]. Needs the extra mic; Ctrl-C ends it."""

import asyncio
import contextlib
import sys

from voicesrv_client import Playout, VoiceClient
from voicesrv_client.devices import Microphone, Speaker
from voicesrv_client.events import ReplyEnd, TurnEnd


async def main(url: str = "http://127.0.0.1:8000") -> None:
    playout = Playout()
    async with VoiceClient(url) as client, asyncio.TaskGroup() as tasks:
        with Microphone() as microphone, Speaker(playout):
            tasks.create_task(client.send_all(microphone))
            tasks.create_task(client.report(playout))
            async for event in client:
                playout.take(event)  # what the agent says; once you speak, what was not played of it is not to be heard
                match event:
                    case TurnEnd(text=text):
                        print("you:  ", text, flush=True)
                    case ReplyEnd(heard=heard):
                        print("agent:", heard, flush=True)


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(main(*sys.argv[1:]))
