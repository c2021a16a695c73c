"""What a key allows."""

from __future__ import annotations

import pytest

from voicesrv.errors import ClientError, Code
from voicesrv.events import Cancel, Command, Finalize, Playback, SendText, Speak, ToolOutput
from voicesrv.options import Options, changed
from voicesrv.transport.keys import ALL_SCOPES, Identity
from voicesrv.transport.rights import check_command, check_mode

MODES = ("converse", "listen", "speak")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scopes", [frozenset({mode}) for mode in MODES] + [ALL_SCOPES, frozenset()])
def test_a_mode_is_for_keys_of_its_scope(mode: str, scopes: frozenset[str]) -> None:
    identity = Identity("k", scopes)
    options = changed(Options(), {"mode": mode})
    if scopes == ALL_SCOPES or mode in scopes:
        check_mode(identity, options)
    else:
        with pytest.raises(ClientError, match=f"mode: '{mode}'") as refused:
            check_mode(identity, options)
        assert refused.value.code is Code.FORBIDDEN


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        (SendText("hello"), {"converse"}),
        (ToolOutput("c", ""), {"converse"}),
        (Speak("hello"), {"converse", "speak"}),
        (Cancel(), {"converse", "speak"}),
        (Playback(1, 100), {"converse", "speak"}),
        (Finalize(), {"converse", "listen", "speak"}),
    ],
)
@pytest.mark.parametrize("scope", MODES)
def test_a_command_is_for_keys_of_these_scopes(command: Command, allowed: set[str], scope: str) -> None:
    identity = Identity("k", frozenset({scope}))
    if scope in allowed:
        check_command(identity, command)
    else:
        with pytest.raises(ClientError, match=r"it takes the scope converse") as refused:
            check_command(identity, command)
        assert refused.value.code is Code.FORBIDDEN
