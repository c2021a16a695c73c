"""Have a text said into a WAV file: python say.py TEXT FILE [URL]."""

import asyncio
import sys
import wave

from voicesrv_client import VoiceClient
from voicesrv_client.events import Audio


async def main(text: str, path: str, url: str = "http://127.0.0.1:8000") -> None:
    async with VoiceClient(url, mode="speak") as client:
        await client.say(text)
        await client.close()  # when all is said, the iteration ends
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24_000)
            async for event in client:
                if isinstance(event, Audio):
                    file.writeframes(event.pcm)


asyncio.run(main(*sys.argv[1:]))
