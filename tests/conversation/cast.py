"""Those who take part, on scripted engines, for tests that need no conversation around them."""

from __future__ import annotations

from typing import Any

from voicesrv.conversation.participant import Participant, Setup
from voicesrv.options import Options, changed
from voicesrv.testing import FakeLlm, FakeStt, FakeTts, FakeVad


def participant(id: str, **options: Any) -> Participant:
    """A connection without a socket."""
    its = changed(Options(), options)
    return Participant(id, Setup(its, FakeVad(), FakeStt(), FakeLlm(), FakeTts(), its.instructions, its.voice))
