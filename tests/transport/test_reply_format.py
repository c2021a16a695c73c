"""A reply's audio in the format of one connection."""

from __future__ import annotations

import numpy as np
import pytest

from voicesrv.events import AudioEnded, AudioStarted, Cleared, Event, ReplyAudio, TurnResumed
from voicesrv.options import Options, changed
from voicesrv.transport.reply_format import ReplyFormat

MULAW = changed(Options(), {"output_encoding": "mulaw", "output_sample_rate": 8000})


def tone(ms: int) -> bytes:
    return (8000 * np.sin(np.arange(24 * ms) / 5)).astype("<i2").tobytes()


def audio_of(events: list[Event]) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, ReplyAudio))


@pytest.mark.parametrize(("options", "bytes_per_ms"), [(MULAW, 8), (Options(), 48)])
def test_a_reply_is_told_and_sent_as_it_was_asked_for(options: Options, bytes_per_ms: int) -> None:
    format = ReplyFormat()
    events = [
        each
        for event in (
            AudioStarted(1, "linear16", 24000),
            ReplyAudio(1, tone(130), 0),
            ReplyAudio(1, tone(70), 130),
            AudioEnded(1, 200),
        )
        for each in format.convert(event, options)
    ]
    assert events[0] == AudioStarted(1, options.output_encoding, options.output_sample_rate)
    assert events[-1] == AudioEnded(1, 200)
    assert len(audio_of(events)) == 200 * bytes_per_ms


def test_a_connection_that_comes_in_the_middle_of_it_has_its_format_too() -> None:
    format = ReplyFormat()
    events = [*format.convert(ReplyAudio(1, tone(100), 500), MULAW), *format.convert(AudioEnded(1, 600), MULAW)]
    assert len(audio_of(events)) == 800


def test_options_count_from_the_beginning_of_a_reply() -> None:
    format = ReplyFormat()
    format.convert(AudioStarted(1, "linear16", 24000), Options())
    assert audio_of([*format.convert(ReplyAudio(1, tone(100), 0), MULAW)]) == tone(100)


def test_nothing_of_a_reply_that_is_cut_off_comes_with_the_next() -> None:
    format = ReplyFormat()
    format.convert(AudioStarted(1, "linear16", 24000), MULAW)
    format.convert(ReplyAudio(1, tone(100), 0), MULAW)
    assert list(format.convert(Cleared(1), MULAW)) == [Cleared(1)]
    second = (ReplyAudio(2, tone(300), 0), AudioEnded(2, 300))
    events, afresh = ([each for event in second for each in it.convert(event, MULAW)] for it in (format, ReplyFormat()))
    assert audio_of(events) == audio_of(afresh)
    assert len(audio_of(events)) == 2400


def test_other_events_pass() -> None:
    event = TurnResumed(1, 500)
    assert list(ReplyFormat().convert(event, MULAW)) == [event]
