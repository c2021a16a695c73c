"""What is in force, and what was asked for: no socket, no server."""

from __future__ import annotations

from voicesrv_client.events import Configured, Pong, ServerError
from voicesrv_client.wishes import Wishes


def test_what_the_server_agrees_to_is_asked_of_the_next_conversation() -> None:
    wishes = Wishes({"language": "en", "voice": None})
    assert wishes.query == {"language": "en"}
    assert wishes.ask({"language": "de"}) == {"type": "configure", "id": "configure-1", "language": "de"}
    assert wishes.query == {"language": "en"}
    assert wishes.settings == {"language": "de"}
    wishes.received(Configured({}, id="configure-1"))
    assert wishes.query == wishes.settings == {"language": "de"}
    assert wishes.unanswered == []


def test_what_it_refuses_is_forgotten_and_the_rest_is_not() -> None:
    wishes = Wishes({"language": "en"})
    wishes.ask({"voice": "no", "language": "de"})
    wishes.ask({"interim": False})
    wishes.received(ServerError("bad_parameter", id="configure-1"))
    assert wishes.settings == {"language": "en", "interim": False}
    assert wishes.unanswered == [{"type": "configure", "id": "configure-2", "interim": False}]
    wishes.received(Configured({}, id="configure-2"))
    wishes.received(Configured({}, id="configure-2"))  # it was asked for again, and was in force already
    assert wishes.query == {"language": "en", "interim": False}


def test_an_answer_settles_what_was_asked_before_it() -> None:
    """Too many messages a second are refused without a look at them, and so without their ids."""
    wishes = Wishes({})
    wishes.ask({"language": "de"})
    wishes.ask({"language": "en"})
    wishes.ask({"voice": "x"})
    wishes.received(Configured({}, id="configure-2"))
    assert wishes.query == {"language": "en"}
    assert wishes.settings == {"language": "en", "voice": "x"}
    assert [each["id"] for each in wishes.unanswered] == ["configure-3"]


def test_none_brings_back_what_the_server_chooses() -> None:
    wishes = Wishes({"language": "en", "endpointing_ms": 300, "endpointing_max_ms": 2000})
    command = wishes.ask({"language": None, "endpointing_ms": None})
    assert command == {"type": "configure", "id": "configure-1", "language": None, "endpointing_ms": None}
    assert wishes.settings == {}
    wishes.received(Configured({}, id="configure-1"))
    assert wishes.query == {}


def test_answers_to_others_change_nothing() -> None:
    wishes = Wishes({})
    wishes.ask({"language": "de"})
    for event in (
        ServerError("engine_failed"),
        ServerError("bad_parameter", id="t1"),
        Configured({}),
        Pong("configure-1"),
    ):
        wishes.received(event)
    assert [each["id"] for each in wishes.unanswered] == ["configure-1"]


def test_what_no_address_can_hold_is_asked_for_first_in_each_conversation() -> None:
    wishes = Wishes({"language": "en", "instructions": "be brief"})
    assert wishes.query == {"language": "en"}
    wishes.ask({"language": "de"})
    wishes.begun()
    told = [(each.get("instructions"), each.get("language")) for each in wishes.unanswered]
    assert told == [("be brief", None), (None, "de")]
    for command in wishes.unanswered:
        wishes.received(Configured({}, id=str(command["id"])))
    assert wishes.unanswered == []
    wishes.begun()
    assert [each.get("instructions") for each in wishes.unanswered] == ["be brief"]


def test_one_wait_that_is_named_later_takes_the_place_of_two() -> None:
    """As on the server: a new conversation is to have what the lost one had."""
    wishes = Wishes({"endpointing_ms": 300, "endpointing_max_ms": 2000})
    wishes.ask({"endpointing_ms": 500})
    wishes.received(Configured({}, id="configure-1"))
    assert wishes.query == {"endpointing_ms": 500}
