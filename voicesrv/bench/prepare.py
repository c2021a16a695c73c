"""What comes before a load: seeing whether the server is there, warming it up, and getting something to say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np

from voicesrv.errors import VoicesrvError
from voicesrv_client import Settings, Upkeep, VoiceClient
from voicesrv_client.events import Audio, AudioEnd, Ready, ReplyEnd
from voicesrv_client.pacing import Pacer

_SENTENCE = "please tell me what the weather will be like tomorrow"
"""Without a pause that would end the turn."""
_TIMEOUT_S = 60.0
_LOUD = 0.02
"""Part of the loudest sample that still counts as speech at the end."""
_ONCE = Upkeep(reconnect=False)
"""A server that drops its first conversation is no server to measure."""


async def engines(url: str, token: str | None, options: Settings) -> Mapping[str, str]:
    """Have a conversation let in as the callers' will be, and give the server's engines: name by kind.

    Raises:
        ValueError: the address is none.
        VoiceClientError: the server does not take it.
    """
    async with VoiceClient(url, token=token, upkeep=_ONCE, **options) as client:
        async for event in client:
            if isinstance(event, Ready):
                return event.engines
    return {}


async def warm_up(url: str, options: Settings, speech: bytes) -> None:
    """Have one turn from speech to the beginning of its reply, so that nothing is done for the first time later.

    Args:
        options: settings of the connection.
        speech: 16 kHz linear16 that the server's detector takes for speech.

    Raises:
        VoiceClientError: the server does not take it.
        VoicesrvError: no reply came.
    """
    async with VoiceClient(url, token=None, upkeep=_ONCE, **options) as client:
        try:
            async with asyncio.timeout(_TIMEOUT_S), asyncio.TaskGroup() as tasks:
                tasks.create_task(_say(client, speech + bytes(64_000)))
                async for event in client:
                    if isinstance(event, Audio):
                        await client.cancel()
                    elif isinstance(event, ReplyEnd):
                        return
        except TimeoutError:
            raise VoicesrvError(f"{url} did not reply within {_TIMEOUT_S:.0f} s to a first turn") from None


async def spoken(url: str, token: str | None = None) -> bytes:
    """Have the server's own voice say a sentence: 16 kHz linear16, without the silence around it.

    Raises:
        VoiceClientError: the server does not take it.
        VoicesrvError: it said nothing.
    """
    parts = []
    async with VoiceClient(url, token=token, mode="speak", output_sample_rate=16000) as client:
        await client.say(_SENTENCE)
        async with asyncio.timeout(_TIMEOUT_S):
            async for event in client:
                if isinstance(event, Audio):
                    parts.append(event.pcm)
                elif isinstance(event, AudioEnd | ReplyEnd):
                    break
    return trimmed(b"".join(parts))


def trimmed(pcm: bytes) -> bytes:
    """Cut silence off both ends of linear16.

    Raises:
        VoicesrvError: there is nothing else.
    """
    samples = np.frombuffer(pcm, dtype="<i2")
    loudness = np.abs(samples.astype(np.int32))
    loud = np.flatnonzero(loudness > _LOUD * loudness.max(initial=0))
    if not loud.size:
        raise VoicesrvError("the server's voice said nothing that could be used as speech")
    return samples[loud[0] : loud[-1] + 1].tobytes()


async def _say(client: VoiceClient, pcm: bytes) -> None:
    pacer = Pacer(rate=32_000, burst=640)
    now = asyncio.get_running_loop().time
    for start in range(0, len(pcm), 640):
        await asyncio.sleep(pacer.wait_s(640, now()))
        await client.send_audio(pcm[start : start + 640])
