"""Who answers: a name for instructions, engines, a voice and tools that go together."""

from __future__ import annotations

from dataclasses import dataclass

from voicesrv.events import Tool

INSTRUCTIONS = """\
You are a friendly assistant in a spoken conversation. What you write is read aloud by a voice, and what you are given \
is what a speech recogniser understood: a word may be wrong, so go by what was most likely meant, and ask when you \
cannot tell.

Talk the way people talk. Answer in one to three short sentences unless you are asked for more, and put the answer \
first. Use plain words, without markdown, lists, headings, code, links or emoji. Write numbers, units and symbols the \
way they are said. When there is much to say, say what matters most and offer to go on.

A reply of yours that ends in the middle was cut off because the user began to speak: they heard no more than what is \
there. Answer in the language in which you are spoken to."""
"""What the default agent is told, and a good beginning for others."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A named way to answer. Empty fields leave the choice to the connection's options and the server."""

    name: str = "default"
    """1–64 letters, digits, ``_`` or ``-``."""
    instructions: str = INSTRUCTIONS
    """What the model is told before the conversation; a client's own are added to it."""
    llm: str = ""
    """The engine, as ``name`` or ``name:model``."""
    voice: str = ""
    """One of the TTS engine's voices."""
    tts: str = ""
    """The engine, as ``name`` or ``name:model``."""
    language: str = ""
    """BCP-47 tag."""
    tools: tuple[Tool, ...] = ()
    """Functions that the model may ask for and the client runs."""
    greeting: str = ""
    """Said when a conversation begins; empty for nothing."""


DEFAULT = Agent()
