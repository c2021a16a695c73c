"""Transcribe a WAV file of 16 bits: python transcribe.py FILE [URL]."""

import asyncio
import sys
import wave

from voicesrv_client import VoiceClient
from voicesrv_client.events import TurnEnd
from voicesrv_client.pacing import Pacer


async def main(path: str, url: str = "http://127.0.0.1:8000") -> None:
    with wave.open(path) as file:
        rate, channels, pcm = file.getframerate(), file.getnchannels(), file.readframes(file.getnframes())

    async def send() -> None:
        second = 2 * rate * channels
        pacer = Pacer(1.2 * second, 25 * second)  # the server takes 1.25 times real time, after 30 s at once
        for start in range(0, len(pcm), second // 10):
            block = pcm[start : start + second // 10]
            await asyncio.sleep(pacer.wait_s(len(block), asyncio.get_running_loop().time()))
            await client.send_audio(block)
        await client.close()  # finish what was said, then end the iteration

    client = VoiceClient(url, mode="listen", sample_rate=rate, channels=channels)
    async with client, asyncio.TaskGroup() as tasks:
        tasks.create_task(send())
        async for event in client:
            if isinstance(event, TurnEnd) and event.text:
                print(event.text)


asyncio.run(main(*sys.argv[1:]))
