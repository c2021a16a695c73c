"""espeak-ng as a worker process: text in, samples with words and mouth shapes out.

espeak-ng is under the GPL-3; this program alone loads it. It has one global state, so texts take turns,
a sentence or so at a time. It runs at 0.006 of real time, so a piece of speech is held until the words
that begin in it have ended, which costs about 2 ms.

API: https://github.com/espeak-ng/espeak-ng/blob/1.52.0/src/include/espeak-ng/speak_lib.h
"""

from __future__ import annotations

import ctypes
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import espeakng_loader

from voicesrv.engines.workers.child import Link
from voicesrv.engines.workers.frames import Frame, Kind
from voicesrv.engines.workers.speech_timeline import Timeline

SLOTS = 64
"""Texts at once. They queue for one voice, and at 0.006 of real time 64 speakers keep it busy for 40 % of the time."""
BUFFER_MS = 20
"""What espeak-ng hands over at once, and how fast a cancel works: 0.1 ms of work."""
FIRST_PIECE_MS = 60
PIECE_MS = 200
PART_CHARACTERS = 300
"""The longest text that is spoken without giving others a turn: about 20 s of speech and 100 ms of work."""
WORDS_PER_MINUTE = 175
"""espeak-ng's own default speed."""

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS
_PHONEME_EVENTS, _PHONEME_IPA, _DONT_EXIT = 1 << 0, 1 << 1, 1 << 15
_UTF8, _END_PAUSE = 1, 0x1000
_RATE = 1  # espeakRATE
_POSITION_CHARACTER = 1
_EVENT_WORD, _EVENT_PHONEME = 1, 7


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.POINTER(ctypes.c_char)),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(slots=True)
class _Job:
    """One text on its way."""

    stream: int
    voice: str
    """What espeak-ng loads: a voice's identifier, with or without a variant."""
    words_per_minute: int
    parts: deque[tuple[int, str]]
    timeline: Timeline
    piece: bytearray = field(default_factory=bytearray)
    sent: int = 0
    cancelled: bool = False


class EspeakProgram:
    """Speaks texts in turn, a part of each at a time.

    Raises:
        OSError: the library cannot be loaded.
        RuntimeError: it does not start.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._rate = self._library.espeak_Initialize(
            _SYNCHRONOUS,
            BUFFER_MS,
            str(espeakng_loader.get_data_path()).encode(),
            _PHONEME_EVENTS | _PHONEME_IPA | _DONT_EXIT,
        )
        if self._rate <= 0:
            raise RuntimeError("espeak_Initialize failed: its data cannot be read")
        self._on_audio = _Callback(self._heard)  # kept: the library holds only a pointer
        self._library.espeak_SetSynthCallback(self._on_audio)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._jobs: deque[_Job] = deque()
        self._speaking: _Job | None = None
        self._voice = ""
        self._voices = self._find_voices()
        voices, variants = list(self._voices), sorted(self._find_variants())
        link.send(Kind.HELLO, 0, {"slots": SLOTS, "sample_rate": self._rate, "voices": voices, "variants": variants})

    def take(self, frame: Frame) -> None:
        if frame.kind is Kind.OPEN:
            self._jobs.append(self._job(frame.stream, frame.json()))
        elif frame.kind is Kind.CANCEL:
            for job in (*self._jobs, *filter(None, (self._speaking,))):
                job.cancelled = job.cancelled or job.stream == frame.stream

    def work(self) -> bool:
        """Speak the next part of the text whose turn it is."""
        if not self._jobs:
            return False
        job = self._speaking = self._jobs.popleft()
        if not job.cancelled and job.parts:
            self._speak(job, *job.parts.popleft())
        self._speaking = None
        if job.cancelled:
            return True
        if job.parts:
            self._jobs.append(job)
        else:
            self._send(job, job.timeline.finish())
            self._link.send(Kind.END, job.stream)
        return True

    def _job(self, stream: int, asked: dict[str, Any]) -> _Job:
        text = asked["text"].replace("\0", " ")
        voice, plus, variant = asked["voice"].partition("+")
        return _Job(
            stream,
            self._voices[voice] + plus + variant,
            round(WORDS_PER_MINUTE * asked["rate"]),
            deque(parts_of(text, PART_CHARACTERS)),
            Timeline(text, self._rate),
        )

    def _speak(self, job: _Job, start: int, text: str) -> None:
        if job.voice != self._voice and self._library.espeak_SetVoiceByName(job.voice.encode()) != 0:
            self._voice = ""
            self._link.send(Kind.FAIL, job.stream, {"message": f"the voice {job.voice!r} cannot be loaded"})
            job.cancelled = True
            return
        self._voice = job.voice
        self._library.espeak_SetParameter(_RATE, job.words_per_minute, 0)
        job.timeline.part(start)
        data = text.encode("utf-8", "replace") + b"\0"
        flags = _UTF8 | (_END_PAUSE if ends_a_clause(text) else 0)
        self._library.espeak_Synth(data, ctypes.c_size_t(len(data)), 0, _POSITION_CHARACTER, 0, flags, None, None)

    def _heard(self, samples: Any, n_samples: int, events: Any) -> int:
        """Take the next samples of the part that is being spoken; 1 stops it."""
        self._link.poll()
        job = self._speaking
        if job is None or job.cancelled:
            return 1
        at = 0
        while (event := events[at]).type:
            if event.type == _EVENT_WORD:
                job.timeline.word(event.text_position - 1, event.length, event.sample)
            elif event.type == _EVENT_PHONEME:
                job.timeline.phoneme(event.id.string.decode("utf-8", "ignore"), event.sample)
            at += 1
        if samples and n_samples > 0:
            job.piece += ctypes.string_at(samples, n_samples * 2)
            job.timeline.audio(n_samples)
        wanted_ms = PIECE_MS if job.sent else FIRST_PIECE_MS
        if job.timeline.complete - job.sent >= wanted_ms * self._rate // 1000:
            self._send(job, job.timeline.complete)
        return 0

    def _send(self, job: _Job, until: int) -> None:
        """Send the samples up to ``until``, with the words and mouth shapes that begin in them."""
        timing = job.timeline.take(until)
        n_bytes = (until - job.sent) * 2
        if n_bytes == 0:
            return
        if timing:
            self._link.send(Kind.EVENT, job.stream, timing)
        self._link.send(Kind.PCM, job.stream, bytes(job.piece[:n_bytes]))
        del job.piece[:n_bytes]
        job.sent = until

    def _find_voices(self) -> dict[str, str]:
        """The languages that can be spoken, each with the identifier of the voice that speaks it best.

        espeak-ng loads voices by identifier and by name, and no language is either: ``en-gb`` is of ``gmw/en``.
        """
        best: dict[str, tuple[int, str]] = {}
        for voice in self._list(None):
            identifier, languages = voice.identifier.decode(), _languages(voice)
            if not _has_dictionary(identifier, next(iter(languages))):
                continue
            for language, rank in languages.items():
                if language not in best or rank < best[language][0]:
                    best[language] = (rank, identifier)
        return {language: identifier for language, (_, identifier) in best.items()}

    def _find_variants(self) -> list[str]:
        """The variants that each voice has."""
        asked = _Voice(languages=ctypes.cast(ctypes.create_string_buffer(b"variant"), ctypes.POINTER(ctypes.c_char)))
        return [voice.identifier.decode().removeprefix("!v/") for voice in self._list(ctypes.byref(asked))]

    def _list(self, asked: Any) -> Iterator[_Voice]:
        found = self._library.espeak_ListVoices(asked)
        at = 0
        while found[at]:
            yield found[at].contents
            at += 1


def _languages(voice: _Voice) -> dict[str, int]:
    """A voice's own language and those without a region that it stands for, with its rank in each: 1 is best."""
    languages: dict[str, int] = {}
    at = 0
    while (rank := voice.languages[at]) != b"\0":  # then the language, zero-terminated
        language = ctypes.string_at(ctypes.addressof(voice.languages.contents) + at + 1)
        if at == 0 or b"-" not in language:
            languages[language.decode()] = rank[0]
        at += len(language) + 2
    return languages


def _has_dictionary(identifier: str, language: str) -> bool:
    """Whether a voice of a language has the words it needs: three come without, load all the same, and are silent.

    See https://github.com/espeak-ng/espeak-ng/blob/1.52.0/docs/voices.md#dictionary.
    """
    data = Path(espeakng_loader.get_data_path())
    named = _DICTIONARY.search((data / "lang" / identifier).read_text(errors="replace"))
    return (data / f"{named[1] if named else language.partition('-')[0]}_dict").is_file()


def parts_of(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """Cut a text into parts of at most ``longest`` characters, after a sentence where there is one, else between words.

    Returns:
        Each part and where it begins; joined they are the text.
    """
    start = 0
    while len(text) - start > longest:
        head = text[start : start + longest]
        end = max((match.end() for match in _SENTENCE_END.finditer(head)), default=0) or head.rfind(" ") + 1 or longest
        yield start, text[start : start + end]
        start += end
    yield start, text[start:]


def ends_a_clause(text: str) -> bool:
    """Whether a pause belongs after it, which espeak-ng then makes as long as the sign asks for."""
    return text.rstrip(_CLOSERS).endswith(_CLAUSE_ENDS)


_DICTIONARY = re.compile(r"^dictionary\s+(\S+)", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?…\u3002\uff01\uff1f]\s+")
_CLAUSE_ENDS = tuple(".!?…;:,\u3002\uff01\uff1f\u3001\uff0c")
_CLOSERS = " \t\n\"'’”»)]}"


if __name__ == "__main__":
    Link().run(EspeakProgram)
