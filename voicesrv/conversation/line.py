"""What waits to be said when the floor is free: dictated texts, and answers owed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voicesrv.conversation.participant import Participant
from voicesrv.conversation.thinking import Dictation
from voicesrv.errors import ClientError, Code

MAX_WAITING = 32
MAX_GATHERED = 20_000
"""Characters of one dictated reply."""
MAX_REQUEST = 2_000
"""Characters of one ``speak`` (``docs/protocol.md``)."""


@dataclass(slots=True)
class Answer:
    """An answer owed to a turn."""

    participant: Participant
    turn: int


@dataclass(slots=True)
class Dictated:
    """A text to be spoken as it is."""

    participant: Participant
    source: Dictation = field(default_factory=Dictation)
    flushes: list[str | int | None] = field(default_factory=list)
    """Ids of the ``flush`` commands to answer once its last audio is sent."""


Waiting = Answer | Dictated


class Line:
    """First come, first served; bounded: what does not fit is refused."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._open: dict[str, Dictated] = {}  # by participant: the text that is being gathered

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def pop(self) -> Waiting:
        """What is to be said next."""
        return self._waiting.popleft()

    def owe(self, answer: Answer) -> None:
        """Put an answer in line; one that waits there already will answer for both, when it is its turn."""
        for at, waiting in enumerate(self._waiting):
            if isinstance(waiting, Answer):
                self._waiting[at] = answer
                return
        self._waiting.append(answer)

    def answered(self) -> None:
        """An answer to all that was said is on its way: the one that waits is not needed any more."""
        self._waiting = deque(waiting for waiting in self._waiting if not isinstance(waiting, Answer))

    @staticmethod
    def check_request(text: str) -> None:
        """Refuse a text that is too long for one request, before anything is done with it.

        Raises:
            ClientError: ``text_too_long``.
        """
        if len(text) > MAX_REQUEST:
            message = f"text: {len(text)} characters are over the {MAX_REQUEST} allowed"
            raise ClientError(Code.TEXT_TOO_LONG, message)

    def gather(self, participant: Participant, text: str) -> bool:
        """Add dictated text; True where a new reply was put in line for it.

        Raises:
            ClientError: ``text_too_long`` where too much is gathered, or ``rate_limited``.
        """
        dictated = self._open.get(participant.id)
        new = dictated is None or dictated.source.over
        if dictated is None or dictated.source.over:
            if len(self._waiting) >= MAX_WAITING:
                raise ClientError(Code.RATE_LIMITED, f"{MAX_WAITING} replies wait already", retry_after_ms=1000)
            dictated = Dictated(participant)
            self._waiting.append(dictated)
            self._open[participant.id] = dictated
        if len(dictated.source.text) + len(text) > MAX_GATHERED:
            raise ClientError(
                Code.TEXT_TOO_LONG, f"text: over {MAX_GATHERED} characters are gathered; flush them before adding more"
            )
        dictated.source.feed(text)
        return new

    def gathering(self, participant: Participant) -> bool:
        """Whether a text of this connection is open for more."""
        dictated = self._open.get(participant.id)
        return dictated is not None and not dictated.source.over

    def finish(self, participant: Participant) -> Dictated | None:
        """All text of this reply is there; return it, or None where none was gathered."""
        dictated = self._open.pop(participant.id, None)
        if dictated is not None:
            dictated.source.finish()
        return dictated

    def forget(self, dictated: Dictated) -> None:
        """This text will not be spoken to its end: what its client adds from now on is another."""
        if self._open.get(dictated.participant.id) is dictated:
            del self._open[dictated.participant.id]

    def clear(self, current: Dictated | None) -> list[Dictated]:
        """Drop all that waits; return the dictated texts that will not be spoken, ``current`` first."""
        dropped = [waiting for waiting in self._waiting if isinstance(waiting, Dictated)]
        self._waiting.clear()
        self._open.clear()
        return dropped if current is None else [current, *dropped]
