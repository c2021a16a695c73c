"""The tokenizer: byte-level pieces of the domain's text, then Whisper's special tokens in Whisper's order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from faster_whisper.tokenizer import _LANGUAGE_CODES
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from .clips import Clip

TIME_STEP_S = 0.02
N_TIMES = 1501
"""Time tokens: 0 to 30 s."""
N_TEXT = 512
"""256 bytes and as many joins of them, enough for most words of the domain to be one token."""
MARKS = ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
END = "<|endoftext|>"

_PIECE = re.compile(r"[\w]+|[^\w\s]+")


def make_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Learn the pieces from ``texts``; the ids are laid out as in Whisper's own multilingual tokenizer.

    The time tokens follow the last one and are not in it: nobody looks them up by name, and they would take 160 kB.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=N_TEXT, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator((" " + text for text in texts), trainer)
    if tokenizer.get_vocab_size() != N_TEXT:
        raise ValueError(f"{tokenizer.get_vocab_size()} pieces were learnt, not {N_TEXT}: more text is needed")
    languages = [f"<|{code}|>" for code in _LANGUAGE_CODES]
    special = [END, "<|startoftranscript|>", *languages, *MARKS]
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in special])
    return tokenizer


def load_tokenizer(file: Path) -> Tokenizer:
    """One that was saved."""
    return Tokenizer.from_file(str(file))


@dataclass(slots=True)
class Lesson:
    """A clip as the network learns it, one entry per place of the decoder's input."""

    given: list[int]
    """What it is shown."""
    wanted: list[int]
    """What comes next; -1 where nothing is to be learnt."""
    looked_at: list[tuple[float, float] | None]
    """Where in the audio, in seconds, what comes next is heard."""


class Reader:
    """Writes clips down as tokens."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.first_time = self.id("<|notimestamps|>") + 1
        self.end = self.id(END)
        self.encode = cache(lambda text: tokenizer.encode(text, add_special_tokens=False).ids)

    @property
    def n_tokens(self) -> int:
        """With the time tokens."""
        return self.first_time + N_TIMES

    def names(self) -> list[str]:
        """What CTranslate2 is to call every token, in the order of their numbers.

        It takes a Whisper for a multilingual one where a token has the empty name, as one has in OpenAI's (seen in
        the machine code of 4.8). Here it is the byte 0xFF, which no text contains.
        """
        ids = self.tokenizer.get_vocab()
        names = sorted(ids, key=ids.__getitem__)
        names[names.index("ÿ")] = ""
        return names + [f"<|{i * TIME_STEP_S:.2f}|>" for i in range(N_TIMES)]

    def id(self, token: str) -> int:
        """The number of a special token.

        Raises:
            KeyError: there is none of that name.
        """
        found = self.tokenizer.token_to_id(token)
        if found is None:
            raise KeyError(token)
        return int(found)

    def lesson(self, clip: Clip) -> Lesson:
        """What the network is to make of a clip. Where nobody speaks, the end is wanted whatever has been written."""
        tokens: list[int] = []
        heard: list[tuple[float, float] | None] = []
        if clip.before:
            tokens += [self.id("<|startofprev|>"), *self.encode(" " + clip.before)]
        n_before = len(tokens)
        tokens += [self.id("<|startoftranscript|>"), self.id(f"<|{clip.language}|>"), self.id("<|transcribe|>")]
        if not clip.stamped:
            tokens.append(self.id("<|notimestamps|>"))
        n_asked = len(tokens)
        for segment in clip.segments:
            self._write(segment, clip, tokens, heard)
        if not clip.segments and clip.stamped:
            tokens.append(self.first_time)
            heard.append(None)
        forced = self.encode(" " + clip.forced) if clip.forced else []
        tokens += forced
        heard += [None] * len(forced)
        ends = clip.segments[-1][-1][2] if clip.segments else None
        heard.append(None if ends is None else (ends, ends + 0.6))
        tokens.append(self.end)
        wanted = [-1] * len(tokens)
        wanted[n_asked - 1 : -1] = [self.end] * (len(forced) + 1) if forced else tokens[n_asked:]
        wanted[n_before] = tokens[n_before + 1] if clip.segments else self.id("<|nospeech|>")
        looked_at = [None] * (n_asked - 1) + heard
        return Lesson(tokens[:-1], wanted[:-1], looked_at)

    def time(self, seconds: float) -> int:
        """The token of a moment."""
        return self.first_time + min(max(round(seconds / TIME_STEP_S), 0), N_TIMES - 1)

    def _write(
        self,
        segment: list[tuple[str, float, float]],
        clip: Clip,
        tokens: list[int],
        heard: list[tuple[float, float] | None],
    ) -> None:
        """Append a sentence. A sign is heard in the pause after its word."""
        begin, end = segment[0][1], segment[-1][2]
        if clip.stamped:
            tokens.append(self.time(begin))
            heard.append((begin - 0.1, begin + 0.1))
        for i, (word, start, stop) in enumerate(segment):
            pause = segment[i + 1][1] if i + 1 < len(segment) else stop + 0.3
            for j, piece in enumerate(_PIECE.findall(word)):
                pieces = self.encode(piece if j else " " + piece)
                tokens += pieces
                heard += [(stop, max(pause, stop + 0.06)) if j else (start, stop)] * len(pieces)
        if clip.stamped:
            tokens.append(self.time(end))
            heard.append((end - 0.1, end + 0.1))
