"""What a conversation is to be like, under the names of ``docs/protocol.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

Encoding = Literal["linear16", "mulaw", "alaw", "float32"]


class Tool(TypedDict):
    """A function that the model may ask for; the answer to a ``ToolCall`` is ``VoiceClient.tool_result``."""

    name: str
    """1-64 letters, digits, ``_`` or ``-``."""
    description: NotRequired[str]
    parameters: NotRequired[Mapping[str, Any]]
    """A JSON schema of type object."""


class Settings(TypedDict, total=False):
    """Keywords of ``VoiceClient`` and ``VoiceClient.configure``; what is left out or None is the server's choice.

    A parameter that a newer server has and that is not here goes into the query of the URL.
    """

    mode: Literal["converse", "listen", "speak"] | None
    """``converse`` replies aloud, ``listen`` gives transcripts alone, ``speak`` says the text it is given."""
    encoding: Encoding | None
    """Of the audio that is sent; ``linear16`` by default."""
    sample_rate: int | None
    """Of the audio that is sent: 8000-48000 Hz, 16000 by default."""
    channels: int | None
    """Of the audio that is sent: 1, or 2 which are mixed down."""
    output_encoding: Literal["linear16", "mulaw", "alaw"] | None
    output_sample_rate: int | None
    """8000, 16000, 22050, 24000 (the default), 44100 or 48000 Hz."""
    agent: str | None
    """One that the operator named."""
    language: str | None
    """BCP-47 tag, or ``auto`` where the recogniser can tell."""
    keyterms: Sequence[str] | None
    """Names and terms that may be said, for recognisers that take them: at most 100 of 64 characters, and no comma."""
    stt: str | None
    llm: str | None
    tts: str | None
    voice: str | None
    interim: bool | None
    """Whether ``Transcript`` comes before a turn has ended; True by default."""
    endpointing_ms: int | None
    """Silence that ends a turn; 0 leaves it to ``finalize``: push to talk."""
    endpointing_max_ms: int | None
    """Silence that ends a turn whose words are plainly unfinished; one wait for all where ``endpointing_ms`` is given
    without it."""
    eager_ms: int | None
    """Silence after which a reply is prepared; 0 never."""
    interrupt: bool | None
    """Whether speech stops a reply; True by default."""
    words: bool | None
    """Whether to send when words sound."""
    visemes: bool | None
    """Whether to send mouth shapes."""
    instructions: str | None
    """Added to the agent's own."""
    tools: Sequence[Tool] | None


NOT_IN_QUERY = ("instructions", "tools")
"""Settings that only a ``configure`` can carry."""
