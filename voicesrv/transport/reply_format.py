"""A reply's audio in the format that one connection wants. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from voicesrv.audio.stream import OutputMessages
from voicesrv.events import AudioEnded, AudioStarted, Cleared, Event, ReplyAudio
from voicesrv.options import Options


class ReplyFormat:
    """Encodes, resamples and cuts the audio of one reply after another; other events pass as they are."""

    def __init__(self) -> None:
        self._output: OutputMessages | None = None  # while a reply's audio is sent

    def convert(self, event: Event, options: Options) -> Sequence[Event]:
        """Put an event into the format of these options, which count from the beginning of a reply's audio."""
        match event:
            case AudioStarted():
                encoding, sample_rate = options.output_encoding, options.output_sample_rate
                self._output = OutputMessages(encoding, sample_rate)
                return (dataclasses.replace(event, encoding=encoding, sample_rate=sample_rate),)
            case ReplyAudio(pcm=pcm):
                if self._output is None:  # resumed in the middle of it
                    self._output = OutputMessages(options.output_encoding, options.output_sample_rate)
                return [dataclasses.replace(event, pcm=message) for message in self._output.feed(pcm)]
            case AudioEnded(reply=reply) if self._output is not None:
                rest, self._output = self._output.end(), None
                return [*(ReplyAudio(reply, message, event.duration_ms) for message in rest), event]
            case Cleared():
                self._output = None
        return (event,)
