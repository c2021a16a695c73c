"""A connection's part: its tokens, its turns."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.conversation.cast import participant
from voicesrv.conversation.listener import Ended
from voicesrv.conversation.participant import OpenTurn
from voicesrv.conversation.user_turn import UserTurn
from voicesrv.engines.base import SttOptions
from voicesrv.events import EndCause
from voicesrv.testing import FakeStt


def test_no_token_is_good_before_one_is_given_out() -> None:
    it = participant("one")
    assert not it.accepts("") and not it.accepts("x")
    it.rotate_token()
    assert it.accepts(it.token) and not it.accepts("") and not it.accepts(it.token[:-1]) and not it.accepts("é")
    assert len(it.token) >= 43  # 256 bits


def test_a_token_serves_until_the_client_shows_that_it_has_another() -> None:
    it = participant("one")
    it.rotate_token()
    first = it.token
    it.rotate_token()
    assert it.token != first and it.accepts(first) and it.accepts(it.token)
    it.confirm_token()
    assert not it.accepts(first) and it.accepts(it.token)


def test_a_client_whose_resumes_fail_before_they_are_read_comes_back_in_the_end() -> None:
    """Each new socket brings a token; what the client holds is one of the last few."""
    it = participant("one")
    it.rotate_token()
    held = it.token
    for _ in range(3):
        it.rotate_token()
        assert it.accepts(held)
    it.confirm_token()
    assert not it.accepts(held)


def test_tokens_that_were_never_used_do_not_gather() -> None:
    it = participant("one")
    tokens = []
    for _ in range(50):
        it.rotate_token()
        tokens.append(it.token)
    assert sum(map(it.accepts, tokens)) <= 8


def test_engines_are_told_by_name() -> None:
    assert participant("one").setup.engine_names == dict.fromkeys(("vad", "stt", "llm", "tts"), "fake")


@pytest.mark.anyio
async def test_a_turn_ends_its_audio_and_wakes_who_waits() -> None:
    turn = OpenTurn(UserTurn(1, 0, 0, FakeStt(), SttOptions(), lambda turn, transcript: None))
    waiting = asyncio.create_task(turn.wait_for_end())
    await asyncio.sleep(2)
    turn.turn.audio.append(np.zeros(10, np.int16))
    assert not waiting.done() and turn.ended is None
    ended = Ended(100, 400, EndCause.SILENCE)
    now = asyncio.get_running_loop().time()
    turn.end(ended)
    assert await waiting is ended and turn.ended is ended
    assert turn.decided_at == now
    assert turn.turn.audio.closed
    assert await turn.wait_for_end() is ended
