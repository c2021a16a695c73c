from __future__ import annotations

import json
from typing import Any

import pytest

from voicesrv_client.commands import encode
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


def speak(text: str, flush: bool) -> dict[str, Any]:
    return {"type": "speak", "text": text, "flush": flush}


def drain(outgoing: Outgoing) -> list[Any]:
    """All that is to be sent: ms of audio, and commands."""
    everything: list[Any] = []
    while (each := outgoing.next()) is not None:
        everything.append(len(each) // MS if isinstance(each, bytes) else json.loads(each.message))
    return everything


def test_commands_keep_their_places_in_the_audio() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    hear(outgoing, 20)
    outgoing.add(FINALIZE)
    last = outgoing.add(TEXT)
    hear(outgoing, 10)
    assert outgoing.last is last
    assert outgoing.waits(last)
    assert drain(outgoing) == [TEXT, 20, FINALIZE, TEXT, 10]
    assert outgoing.last is None
    assert not outgoing.waits(last)


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


def test_what_is_given_again_is_given_once_for_each_connection_that_swallows_it() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    for _ in range(3):
        assert drain(outgoing) == [TEXT]
        outgoing.rewind(received(0, 0))
    outgoing.restart(received(0))
    assert drain(outgoing) == [TEXT]
    outgoing.restart(received(0))
    outgoing.rewind(received(0, 0))
    assert drain(outgoing) == []


def test_what_is_to_be_given_again_has_no_number_until_it_is() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    drain(outgoing)
    outgoing.rewind(received(0, 0))
    outgoing.count()  # a ping goes past it
    outgoing.rewind(received(0, 1))
    assert drain(outgoing) == [TEXT]


def test_nothing_is_given_again_where_the_server_does_not_count() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    drain(outgoing)
    outgoing.rewind(received(0, None))
    assert drain(outgoing) == []


def test_a_command_that_was_not_sent_waits_again() -> None:
    outgoing = new()
    text = outgoing.add(TEXT)
    assert outgoing.next() is text
    outgoing.take_back()
    assert outgoing.waits(text)
    outgoing.add(CANCEL)
    outgoing.rewind(received(0, 0))
    assert drain(outgoing) == [TEXT, CANCEL]
    outgoing.rewind(received(0, 1))
    assert drain(outgoing) == [CANCEL]


def test_a_command_that_could_not_be_seen_to_arrive_is_not_given_again_where_it_did() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    outgoing.next()
    outgoing.take_back()
    outgoing.add(CANCEL)
    outgoing.rewind(received(0, 1))
    assert drain(outgoing) == [CANCEL]


def test_what_was_taken_back_is_given_again_where_the_server_does_not_count() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    outgoing.next()
    outgoing.take_back()
    outgoing.rewind(received(0, None))
    assert drain(outgoing) == [TEXT]


def test_the_end_of_a_turn_is_given_again_behind_audio_that_the_server_dropped() -> None:
    outgoing = new()
    hear(outgoing, 20)
    outgoing.add(FINALIZE)
    hear(outgoing, 20)
    outgoing.add(FINALIZE)
    outgoing.add(TEXT)
    drain(outgoing)
    outgoing.rewind(received(19, 3))  # all of the first turn: 20 ms, rounded down
    assert drain(outgoing) == [21, FINALIZE]
    outgoing.rewind(received(40, 4))
    assert drain(outgoing) == []


def test_a_close_is_not_given_again_and_settings_are_in_their_place() -> None:
    configure, another = ({"type": "configure", "id": str(n)} for n in range(2))
    outgoing = new()
    hear(outgoing, 10)
    outgoing.add(configure)
    hear(outgoing, 20)
    outgoing.add({"type": "close"})
    drain(outgoing)
    outgoing.add(TEXT)
    outgoing.add({"type": "close"})
    outgoing.rewind(received(0, 0))
    outgoing.add_first([another, configure])
    assert drain(outgoing) == [another, 10, configure, 20, TEXT]


def test_settings_that_are_asked_for_anew_come_first_and_in_order() -> None:
    outgoing = new()
    configures = [{"type": "configure", "id": str(n)} for n in range(2)]
    hear(outgoing, 10)
    outgoing.add(TEXT)
    outgoing.add_first(configures)
    assert drain(outgoing) == [*configures, 10, TEXT]


def test_a_command_that_may_not_be_sent_yet_keeps_back_what_is_behind_it() -> None:
    outgoing = new()
    hear(outgoing, 10)
    outgoing.add(TEXT)
    hear(outgoing, 20)
    assert outgoing.next(may_command=False) == bytes(10 * MS)
    assert outgoing.next(may_command=False) is None
    assert drain(outgoing) == [TEXT, 20]


def test_what_the_agent_is_to_say_keeps_no_audio_back() -> None:
    outgoing = new()
    outgoing.add(speak("One.", True))
    outgoing.add({"type": "flush"})
    hear(outgoing, 10)
    outgoing.add(FINALIZE)
    hear(outgoing, 20)
    assert outgoing.next(may_command=False) == bytes(10 * MS)
    assert outgoing.next(may_command=False) is None
    assert drain(outgoing) == [speak("One.", True), {"type": "flush"}, FINALIZE, 20]


def test_what_waits_to_be_said_is_dropped_where_all_is_cancelled() -> None:
    outgoing = new()
    one = outgoing.add(speak("One.", True))
    text = outgoing.add(TEXT)
    two = outgoing.add(speak("Two.", True))
    outgoing.add(CANCEL)
    outgoing.add(speak("Three.", True))
    assert [outgoing.waits(each) for each in (one, text, two)] == [False, True, False]
    assert drain(outgoing) == [TEXT, CANCEL, speak("Three.", True)]


def test_a_command_is_withdrawn_where_nobody_else_wants_it_and_nobody_may_have_it() -> None:
    outgoing = new()
    alone = outgoing.add(TEXT)
    joined = outgoing.add(speak("One ", False))
    assert outgoing.add(speak("two.", True)) is joined
    outgoing.withdraw(alone)
    outgoing.withdraw(joined)
    assert drain(outgoing) == [speak("One two.", True)]
    outgoing.withdraw(joined)  # too late
    both = outgoing.add(speak("Three ", False))
    outgoing.add(speak("four.", True))
    outgoing.withdraw(both)
    outgoing.withdraw(both)
    sent = outgoing.add(TEXT)
    assert outgoing.next() is sent
    outgoing.take_back()
    outgoing.withdraw(sent)
    assert drain(outgoing) == [TEXT]


def test_text_does_not_join_what_the_server_may_have() -> None:
    outgoing = new()
    outgoing.add(speak("One ", False))
    outgoing.next()
    outgoing.take_back()
    outgoing.add(speak("two.", True))
    outgoing.rewind(received(0, 1))
    assert drain(outgoing) == [speak("two.", True)]


def test_text_that_is_gathered_joins_what_waits_of_it_in_its_place() -> None:
    outgoing = new()
    one = outgoing.add(speak("One ", False))
    hear(outgoing, 10)
    assert outgoing.add(speak("two ", False)) is one
    assert outgoing.add(speak("three.", True)) is one
    assert outgoing.add(speak("Four ", False)) is not one
    outgoing.add(speak("x" * 995, False))
    outgoing.add(speak("five ", False))
    outgoing.add(FINALIZE)
    outgoing.add(speak("six", True))
    assert drain(outgoing) == [
        10,
        speak("One two three.", True),
        speak("Four " + "x" * 995, False),
        speak("five ", False),
        FINALIZE,
        speak("six", True),
    ]


def test_text_is_gathered_up_to_the_size_that_the_server_takes() -> None:
    outgoing = new()
    outgoing.max_bytes = len(encode(speak('\u00fc"' * 3, False)).encode())
    for _ in range(7):
        outgoing.add(speak('\u00fc"', False))
    assert drain(outgoing) == [speak('\u00fc"' * n, False) for n in (3, 3, 1)]


def test_a_format_changes_in_its_place_in_the_audio() -> None:
    configure = {"type": "configure", "id": "1", "encoding": "mulaw"}
    outgoing = new()
    hear(outgoing, 20)
    outgoing.next()
    hear(outgoing, 20)
    outgoing.add(configure, audio=("mulaw", 8000, 1))
    outgoing.ring.append(b"m" * 80)
    outgoing.rewind(received(10))
    outgoing.add_first([configure])
    outgoing.add(FINALIZE)
    assert drain(outgoing) == [30, configure, 80 // MS, FINALIZE]
    assert outgoing.rewind(received(45, 2)) == 0
    assert outgoing.next() == b"m" * 40


def test_another_conversation_begins_in_the_format_that_was_to_come() -> None:
    outgoing = new()
    hear(outgoing, 20)
    outgoing.add({"type": "configure", "encoding": "mulaw"}, audio=("mulaw", 8000, 1))
    outgoing.ring.append(b"m" * 81)
    outgoing.restart(received(0))
    outgoing.ring.append(b"n" * 80)
    assert outgoing.next() == b"n" * 80
    outgoing.rewind(received(5, 0))
    assert outgoing.next() == b"n" * 40


def test_what_cannot_be_said_is_not_taken() -> None:
    outgoing = new()
    with pytest.raises(TypeError, match="output"):
        outgoing.add({"type": "tool_result", "id": "t", "output": object()})
    assert outgoing.last is None


def test_another_conversation_is_told_what_means_something_there() -> None:
    outgoing = new()
    outgoing.add(TEXT)
    drain(outgoing)
    hear(outgoing, 10)
    for type in ("finalize", "cancel", "tool_result", "configure", "close", "text"):
        outgoing.add({**TEXT, "type": type})
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
