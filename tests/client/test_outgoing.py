from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voicesrv_client.events import Ready
from voicesrv_client.outgoing import Outgoing
from voicesrv_client.ring import MicrophoneRing

MS = 32
TEXT = {"type": "text", "text": "hello"}
FINALIZE = {"type": "finalize"}
CANCEL = {"type": "cancel"}


def new(ready: Ready | None = None) -> Outgoing:
    outgoing = Outgoing(MicrophoneRing(seconds=1))
    outgoing.restart(ready or received(0))
    return outgoing


def received(ms: int, messages: int | None = 0) -> Ready:
    return Ready("voicesrv.v1", "c1", received_ms=ms, received_messages=messages)


def hear(outgoing: Outgoing, ms: int) -> None:
    outgoing.ring.append(bytes(ms * MS))


def drain(outgoing: Outgoing) -> list[int | Mapping[str, Any]]:
    """All that is to be sent: ms of audio, and commands."""
    everything: list[int | Mapping[str, Any]] = []
    while (each := outgoing.next()) is not None:
        everything.append(len(each) // MS if isinstance(each, bytes) else each)
    return everything


def test_commands_keep_their_places_in_the_audio() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    hear(outgoing, 20)
    outgoing.add(FINALIZE)
    outgoing.add(TEXT)
    hear(outgoing, 10)
    assert outgoing.has_commands
    assert drain(outgoing) == [TEXT, 20, FINALIZE, TEXT, 10]
    assert not outgoing.has_commands


def test_commands_that_the_server_did_not_get_are_given_again_in_their_places() -> None:
    outgoing = new(received(0, 5))
    outgoing.add(TEXT)
    hear(outgoing, 20)
    outgoing.count()  # a ping, say
    outgoing.add(FINALIZE)
    hear(outgoing, 20)
    outgoing.add(CANCEL)
    drain(outgoing)
    outgoing.add(TEXT)
    assert outgoing.rewind(received(30, 8)) == 0
    assert drain(outgoing) == [10, CANCEL, TEXT]
    outgoing.rewind(received(40, 9))
    assert drain(outgoing) == [TEXT]
    outgoing.rewind(received(40, 10))
    assert drain(outgoing) == []


def test_nothing_is_given_again_where_the_server_does_not_count() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    drain(outgoing)
    outgoing.rewind(received(0, None))
    assert drain(outgoing) == []


def test_a_command_that_was_not_sent_waits_again() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    assert outgoing.next() == TEXT
    outgoing.take_back()
    outgoing.add(CANCEL)
    assert drain(outgoing) == [TEXT, CANCEL]
    outgoing.rewind(received(0, 1))
    assert drain(outgoing) == [CANCEL]


def test_another_conversation_is_told_what_means_something_there() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    drain(outgoing)
    hear(outgoing, 10)
    for command in (FINALIZE, CANCEL, {"type": "tool_result", "id": "t", "output": 1}, TEXT):
        outgoing.add(command)
    outgoing.restart(received(0))
    hear(outgoing, 20)
    assert drain(outgoing) == [TEXT, 20]


def test_of_commands_that_were_sent_the_last_hundred_are_kept() -> None:
    outgoing = new()
    for _ in range(150):
        outgoing.add(TEXT)
        drain(outgoing)
    outgoing.rewind(received(0, 20))
    assert len(drain(outgoing)) == 100
