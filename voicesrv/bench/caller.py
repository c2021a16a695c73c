"""One simulated caller: what it sends next, and what it makes of what it hears. Pure; time is an argument.

A caller speaks, falls silent until the reply has been played, waits a little and speaks again, with
its microphone open all the time. In barge-in runs it speaks again while the reply plays.
"""

from __future__ import annotations

import enum
import json
from array import array
from collections.abc import Callable, Sequence
from typing import Protocol

from voicesrv.bench import wire
from voicesrv.bench.samples import Samples

PAUSE_S = 0.5
"""Between the end of a reply and the next speech."""
BARGE_IN_AFTER_S = 0.6
"""Between a reply's first audio and the speech that interrupts it."""
PATIENCE_S = 15.0
"""A turn that gets no reply for so long has failed."""
_BYTES_PER_S = 48_000  # of reply audio: 24 kHz linear16


class Continuity(Protocol):
    """Tells whether a reply's audio is whole."""

    def feed(self, pcm: bytes) -> int:
        """Take the next audio; give the number of breaks in it."""
        ...

    def finish(self) -> int:
        """The audio has ended; give the number of breaks at its end."""
        ...


class Phase(enum.Enum):
    """What a caller does."""

    SPEAKING = "speaking"
    WAITING = "waiting"
    LISTENING = "listening"
    PAUSING = "pausing"


class Caller:
    """The script of one conversation and its measurements."""

    def __init__(
        self,
        speech: Sequence[bytes],
        silence: bytes,
        samples: Samples,
        continuity: Callable[[], Continuity] | None,
        *,
        message_s: float = 0.02,
        barge_in: bool = False,
    ) -> None:
        """Start speaking with the first message.

        Args:
            speech: the frames of one utterance, ready to be sent.
            silence: a frame of silence.
            samples: where measurements go; callers of one thread may share it.
            continuity: makes a check for each reply; None where the audio carries no count.
            message_s: how much audio a frame holds.
            barge_in: whether to interrupt each reply.
        """
        self.measuring = False
        """Whether what is measured counts."""
        self._speech = speech
        self._silence = silence
        self._samples = samples
        self._new_continuity = continuity
        self._continuity: Continuity | None = None
        self._message_s = message_s
        self._barge_in = barge_in
        self._phase = Phase.SPEAKING
        self._position = 0  # of the next speech frame
        self._since = 0.0  # when the phase began
        self._onset = 0.0  # when the first sample of the utterance was spoken
        self._speech_end = 0.0  # when the last one was
        self._has_transcript = False
        self._reply_over = False
        self._interrupting = False
        self._dead = False  # the reply was cleared, its audio must not go on
        self._first_audio = 0.0  # when the reply's first audio came; 0 before
        self._audio_bytes = 0
        self._seq = 0

    def next_message(self, now: float) -> bytes:
        """Give the frame to send now."""
        if self._phase is not Phase.SPEAKING:
            self._phase, self._since = self._next_phase(now)
        return self._speak(now) if self._phase is Phase.SPEAKING else self._silence

    def _next_phase(self, now: float) -> tuple[Phase, float]:
        """Whether to go on being silent: the phase and when it began."""
        waited = now - self._since
        match self._phase:
            case Phase.WAITING if waited > PATIENCE_S:
                self._fail("no reply")
                return Phase.SPEAKING, now
            case Phase.LISTENING if self._barge_in and waited > BARGE_IN_AFTER_S:
                self._interrupting = True
                return Phase.SPEAKING, now
            case Phase.LISTENING:
                played_until = self._first_audio + self._audio_bytes / _BYTES_PER_S
                if self._reply_over and now > played_until:
                    return Phase.PAUSING, now
                if now > played_until + PATIENCE_S:
                    self._fail("endless reply")
                    return Phase.SPEAKING, now
            case Phase.PAUSING if waited > PAUSE_S:
                return Phase.SPEAKING, now
        return self._phase, self._since

    def _speak(self, now: float) -> bytes:
        message = self._speech[self._position]
        if self._position == 0:
            self._onset = now - self._message_s
        self._position += 1
        if self._position == len(self._speech):
            if self._interrupting:
                self._fail("no clear")
                self._interrupting = False
            self._position = 0
            self._speech_end = now
            self._samples.turns += self.measuring
            self._has_transcript = self._reply_over = False
            self._first_audio, self._audio_bytes = 0.0, 0
            self._phase, self._since = Phase.WAITING, now
        return message

    def hear_audio(self, pcm: bytes, now: float) -> None:
        """Take reply audio."""
        if self._dead:
            self._lose("audio after clear")
            return
        if not self._first_audio:
            self._first_audio = now
            if self._phase is Phase.WAITING:
                self._measure(self._samples.voice_to_voice, now - self._speech_end)
                self._phase, self._since = Phase.LISTENING, now
        due = self._first_audio + self._audio_bytes / _BYTES_PER_S
        self._measure(self._samples.late, max(0.0, now - due))
        self._audio_bytes += len(pcm)
        if self._continuity is not None and (breaks := self._continuity.feed(pcm)):
            self._lose("audio", breaks)

    def hear_event(self, text: bytes, now: float) -> None:
        """Take an event."""
        event = json.loads(text)
        seq = event.get("seq")
        if seq is not None:
            if self._seq and seq != self._seq + 1:
                self._lose("event")
            self._seq = seq
        match event["type"]:
            case "turn.end":
                if not event["text"]:
                    self._fail("empty transcript")
                elif self._phase is Phase.WAITING and not self._has_transcript:
                    self._measure(self._samples.transcript, now - self._speech_end)
                    self._has_transcript = True
                else:
                    self._fail("turn cut short")
            case "audio.start":
                self._dead = False
                self._continuity = self._new_continuity() if self._new_continuity else None
            case "audio.end" if self._continuity is not None and not self._dead:
                if breaks := self._continuity.finish():
                    self._lose("audio", breaks)
            case "clear":
                self._dead = True
                if self._interrupting:
                    self._measure(self._samples.clear, now - self._onset)
                    self._interrupting = False
                else:
                    self._fail("cleared without cause")
            case "reply.end":
                self._reply_over = self._phase is not Phase.SPEAKING
                if event["cause"] == "failed":
                    self._fail("reply failed")
            case "error":
                self._fail(str(event["code"]))

    def lost_connection(self) -> None:
        """Take note that the server is gone, at any time."""
        self._samples.fail("connection closed")

    def _measure(self, samples: array[float], seconds: float) -> None:
        if self.measuring:
            samples.append(seconds * 1000)

    def _lose(self, kind: str, breaks: int = 1) -> None:
        if self.measuring:
            self._samples.lose(kind, breaks)

    def _fail(self, kind: str) -> None:
        if self.measuring:
            self._samples.fail(kind)


class IdleCaller:
    """A connection that says nothing but ``ping``."""

    def __init__(self, samples: Samples) -> None:
        self.measuring = False
        self._samples = samples
        self._ping = wire.frame(wire.TEXT, b'{"type":"ping"}')
        self._asked = 0.0

    def next_message(self, now: float) -> bytes:
        """Give the ping to send now."""
        self._asked = now
        return self._ping

    def hear_audio(self, pcm: bytes, now: float) -> None:
        """Take audio, which nobody asked for."""
        self._samples.fail("audio on an idle connection")

    def hear_event(self, text: bytes, now: float) -> None:
        """Take an event."""
        event = json.loads(text)
        if event["type"] == "error":
            self._samples.fail(str(event["code"]))
        elif event["type"] == "pong" and self.measuring:
            self._samples.pong.append((now - self._asked) * 1000)

    def lost_connection(self) -> None:
        """Take note that the server is gone."""
        self._samples.fail("connection closed")


Callers = Caller | IdleCaller


def tone(duration_s: float, amplitude: int = 8000, rate: int = 16_000, hertz: int = 200) -> bytes:
    """Linear16 that a detector by energy takes for speech: a square wave, so no maths library is needed."""
    half = rate // hertz // 2
    period = amplitude.to_bytes(2, "little") * half + (-amplitude).to_bytes(2, "little", signed=True) * half
    n_bytes = int(duration_s * rate) * 2
    return (period * (n_bytes // len(period) + 1))[:n_bytes]


def frames(pcm: bytes, message_ms: int) -> list[bytes]:
    """Cut 16 kHz linear16 into WebSocket frames of ``message_ms``; what is left over is padded with silence."""
    size = 32 * message_ms
    return [wire.frame(wire.BINARY, pcm[i : i + size].ljust(size, b"\0")) for i in range(0, len(pcm), size)]
