"""What Whisper says when nobody spoke, taken out again. Pure.

Whisper was trained on subtitles, so over noise it writes what stands at the end of films, and now
and then it repeats itself until its window is full.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

from voicesrv.engines.whisper.agreement import TimedWord

NO_SPEECH = 0.6
"""Probability of the no-speech token from which an unsure text is dropped; this and the next two as
in openai/whisper's transcribe.py."""
MIN_LOGPROB = -1.0
"""Mean over the text's tokens; a surer text stands whatever the no-speech token says."""
MAX_COMPRESSION = 2.4
"""Text over its size under zlib; more is repetition."""
MAX_REPEATS = 3
"""The same words so often in a row are speech; more are a loop."""
_LOOP_WORDS = 8
"""Length of the longest loop looked for."""

PHRASES = frozenset(
    {
        "thank you for watching",
        "thanks for watching",
        "please subscribe to my channel",
        "please subscribe",
        "subtitles by the amara org community",
        "untertitel im auftrag des zdf fur funk 2017",
        "untertitelung des zdf 2020",
        "sous titres realises par la communaute d amara org",
        "subtitulos realizados por la comunidad de amara org",
        "sottotitoli creati dalla comunita amara org",
    }
)
"""Captions that no one says to a machine; in lower case without accents or punctuation. A text that is nothing else
is dropped where the no-speech token had at least ``PHRASE_NO_SPEECH``."""
PHRASE_NO_SPEECH = 0.1
_ACCENTS = str.maketrans("àáâäçèéêëìíîïñòóôöùúûü", "aaaaceeeeiiiinoooouuuu")


def is_silence(no_speech: float, logprob: float) -> bool:
    """Whether a hypothesis is most likely made up over something that is no speech.

    Args:
        no_speech: probability of the no-speech token.
        logprob: mean log probability of the text's tokens.
    """
    return no_speech > NO_SPEECH and logprob < MIN_LOGPROB


def is_phrase(text: str, no_speech: float) -> bool:
    """Whether a text is one of the known captions."""
    plain = " ".join(re.findall(r"\w+", text.casefold().translate(_ACCENTS)))
    return plain in PHRASES and no_speech >= PHRASE_NO_SPEECH


def repeats(text: str) -> bool:
    """Whether a text repeats itself more than language does."""
    data = text.encode()
    return len(data) > 0 and len(data) / len(zlib.compress(data)) > MAX_COMPRESSION


def without_loop(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Leave of a loop at the end what may have been said: its first ``MAX_REPEATS`` rounds."""
    bare = [word.bare for word in words]
    for size in range(1, min(_LOOP_WORDS, len(bare) // (MAX_REPEATS + 1)) + 1):
        begin = len(bare) - size
        while begin >= size and bare[begin - size : begin] == bare[-size:]:
            begin -= size
        if len(bare) - begin > MAX_REPEATS * size:
            return list(words[: begin + MAX_REPEATS * size])
    return list(words)
