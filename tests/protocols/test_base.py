"""What is promised of codecs, kept by each of ours."""

from __future__ import annotations

import pytest

from voicesrv.errors import ClientError, Code
from voicesrv.events import AppendAudio, Pong, ReplyAudio
from voicesrv.protocols.base import Codec
from voicesrv.protocols.native import NativeCodec

CODECS: list[Codec] = [NativeCodec()]


@pytest.mark.parametrize("codec", CODECS)
def test_audio_goes_in_and_out_as_it_is(codec: Codec) -> None:
    assert list(codec.receive(b"\x01\x02\x03")) == [AppendAudio(b"\x01\x02\x03")]
    assert list(codec.send(1, ReplyAudio(1, b"\x01\x02", 0))) == [b"\x01\x02"]


@pytest.mark.parametrize("codec", CODECS)
def test_nonsense_is_the_clients_fault(codec: Codec) -> None:
    for nonsense in ("", "x", "[]", "{}", '{"type": 1}', "\ud800"):
        with pytest.raises(ClientError):
            codec.receive(nonsense)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("code", Code)
def test_every_fatal_error_has_a_close_code_that_may_be_sent(codec: Codec, code: Code) -> None:
    close, reason = codec.refuse(ClientError(code, "x" * 500))
    assert close in (1000, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 1014) or 3000 <= close <= 4999
    assert len(reason.encode()) <= 123  # RFC 6455, section 5.5


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_sent_can_be_encoded(codec: Codec) -> None:
    """A model may cut a pair of surrogates in two; text that is no UTF-8 would end the connection."""
    for message in codec.send(1, Pong("half of an emoji: \ud83d")):
        assert isinstance(message, bytes) or message.encode()
