"""How a connection comes into a conversation, and what it holds while its socket stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicesrv import metrics
from voicesrv.conversation.conversation import Conversation
from voicesrv.conversation.participant import Outbox, Participant
from voicesrv.errors import ClientError, Code
from voicesrv.events import AudioSince, Ready
from voicesrv.options import Options

if TYPE_CHECKING:
    from voicesrv.conversation.hub import Hub


@dataclass(frozen=True, slots=True)
class Join:
    """What a connection asks for when it comes."""

    owner: str
    """Name of the key it came with."""
    options: Options
    conversation: str | None = None
    resume: str | None = None
    after: int = 0
    has: AudioSince | None = None


class Seat:
    """A connection's hold on its conversation, from joining until its socket goes."""

    def __init__(self, hub: Hub, conversation: Conversation, participant: Participant, join: Join) -> None:
        self.conversation = conversation
        self.participant = participant
        self._hub = hub
        self._join = join

    def take(self, outbox: Outbox, limits: Mapping[str, float]) -> None:
        """Begin to be told events; ``Ready`` is the first.

        Raises:
            ClientError: ``state_lost`` where a resume cannot be whole, ``superseded`` where
                another connection used its token first, ``not_found`` where the conversation has
                ended meanwhile, ``overloaded`` where its last place was taken meanwhile.
        """
        participant = self.participant
        if self.conversation.over:  # it ended during the handshake
            code = Code.NOT_FOUND if self._join.resume is None else Code.STATE_LOST
            raise ClientError(code, "conversation: it has ended; start anew")
        if self._join.resume is None:
            self._hub.check_places(self.conversation)
        elif participant.id not in self.conversation.participants:  # its time was over during the handshake
            raise ClientError(Code.STATE_LOST, "resume: it came too late; start anew")
        elif not participant.accepts(self._join.resume):
            raise ClientError(Code.SUPERSEDED, "another connection resumed this one")
        participant.rotate_token()
        ready = Ready(
            conversation=self.conversation.id,
            connection=participant.id,
            resume=participant.token,
            settings=participant.options.public(),
            engines=participant.setup.engine_names,
            lead_ms=self._hub.options.lead_ms,
            received_ms=participant.listener.received_ms,
            received_messages=participant.received_messages,
            limits=limits,
        )
        if self._join.resume is None:
            self.conversation.attach(participant, outbox, ready)
        elif self.conversation.reattach(participant, outbox, ready, self._join.after, self._join.has):
            metrics.RESUMES.labels("whole").inc()
        else:
            metrics.RESUMES.labels("lost").inc()
            message = f"after: what followed event {self._join.after} is not whole any more; start anew"
            raise ClientError(Code.STATE_LOST, message)

    async def reconfigure(self, outbox: Outbox, options: Options, id: str | int | None = None) -> None:
        """Put other options in force, unless another socket has taken the seat meanwhile.

        Args:
            outbox: of the connection that asks for them.
            options: all of them.
            id: of the request, for the answer.

        Raises:
            ClientError: an engine or agent named in them is not to be had; nothing has changed.
        """
        setup = await self._hub.resolve(options)
        if self.participant.outbox is outbox:
            self.conversation.reconfigure(self.participant, setup, id)

    def give_up(self) -> None:
        """The socket was lost before it could take the seat."""
        if self.participant.id not in self.conversation.participants:
            self._hub.remove(self.conversation, self.participant)

    def leave(self, outbox: Outbox, *, for_good: bool) -> None:
        """The socket is gone; unless it is for good, the connection may come back."""
        if self.participant.outbox not in (outbox, None):
            return  # another socket has this seat
        if self.participant.id not in self.conversation.participants:
            for_good = True  # it never took it
        self.conversation.detach(self.participant, outbox)
        if for_good:
            self._hub.remove(self.conversation, self.participant)
