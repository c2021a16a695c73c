from __future__ import annotations

import dataclasses

import pytest

from voicesrv.agents import DEFAULT, Agent
from voicesrv.conversation.spoken import speakable


def test_the_default_agent_leaves_the_engines_to_the_server() -> None:
    assert DEFAULT.name == "default"
    assert (DEFAULT.llm, DEFAULT.tts, DEFAULT.voice, DEFAULT.language) == ("", "", "", "")
    assert DEFAULT.tools == ()
    assert DEFAULT.greeting == ""


def test_its_instructions_are_an_example_of_what_they_ask_for() -> None:
    for paragraph in DEFAULT.instructions.split("\n\n"):
        assert speakable(paragraph) == paragraph  # no markdown, symbols or line breaks


def test_agents_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Agent(name="x").name = "y"  # type: ignore[misc]
