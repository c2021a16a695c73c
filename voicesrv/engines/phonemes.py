"""Phonemes in IPA, as espeak-ng and piper write them -> the mouth shapes that avatars know.

The 15 shapes are those of the Oculus lip-sync set. Its reference gives one or two sounds a shape
(https://developers.meta.com/horizon/documentation/unity/audio-ovrlipsync-viseme-reference/); a sound of any other
language takes the shape of the one that is made at the same place: what is seen of a sound is its place, lips first,
and neither its voicing nor its manner.
"""

# ruff: noqa: RUF001 - letters of the IPA look like others

from __future__ import annotations

import unicodedata

_SHAPES = {
    "PP": "p b m ɓ ʙ ɸ β",
    "FF": "f v ɱ ⱱ ʋ",
    "TH": "θ ð",
    "DD": "t d ɗ ʈ ɖ ɾ",
    "kk": "k ɡ g ŋ q ɢ ɴ x ɣ χ ʁ ʀ h ɦ ħ ʕ ʔ ʡ ʛ ɠ c ɟ ɲ ç ʝ ɧ ʜ ʢ ʄ",
    "CH": "ʃ ʒ ɕ ʑ ʂ ʐ",
    "SS": "s z",
    "nn": "n l ɫ ɭ ɳ ʎ ʟ ɬ ɮ ɺ",
    "RR": "r ɹ ɻ ɽ ɚ ɝ",
    "aa": "a ɑ ɐ ɒ ʌ æ ɶ",
    "E": "e ɛ ə ɜ ɘ ɤ œ ø ɞ ɵ",
    "ih": "i ɪ ɨ j y ʏ ᵻ ɥ",
    "oh": "o ɔ",
    "ou": "u ʊ w ʉ ɯ ʍ ɰ",
}
_SHAPE = {sound: shape for shape, sounds in _SHAPES.items() for sound in sounds.split()}
_TWO_LETTERS = {"tʃ": "CH", "dʒ": "CH", "tɕ": "CH", "dʑ": "CH", "ts": "SS", "dz": "SS"}
"""Affricates, whose first half cannot be seen."""


def mouth_shapes(phoneme: str) -> tuple[str, ...]:
    """Give the mouth shapes of one phoneme, in order.

    Args:
        phoneme: IPA, with or without stress, length and other marks; a diphthong has two shapes. Empty,
            or a sign that is no sound (a pause), is ``sil``.

    Returns:
        At least one of ``events.VISEMES``, no two alike in a row.
    """
    letters = _letters(phoneme)
    shapes: list[str] = []
    at = 0
    while at < len(letters):
        pair = _TWO_LETTERS.get(letters[at : at + 2])
        shape = pair or _SHAPE.get(letters[at])
        at += 2 if pair else 1
        if shape and shapes[-1:] != [shape]:
            shapes.append(shape)
    return tuple(shapes) or ("sil",)


def _letters(phoneme: str) -> str:
    """Without stress, length, tone, ties and other marks; a letter with a mark below or above is that letter."""
    plain = unicodedata.normalize("NFD", phoneme.lower())
    return "".join(letter for letter in plain if unicodedata.category(letter) in ("Ll", "Lo"))
