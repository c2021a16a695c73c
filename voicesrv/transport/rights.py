"""What a key allows on a conversation's socket: its scopes are the modes that it may use. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from voicesrv.errors import ClientError, Code
from voicesrv.events import Cancel, Command, Playback, SendText, Speak, ToolOutput
from voicesrv.options import Options
from voicesrv.transport.keys import Identity

_MODES_FOR: Mapping[type[Command], tuple[str, ...]] = {
    SendText: ("converse",),
    ToolOutput: ("converse",),
    Speak: ("converse", "speak"),
    Cancel: ("converse", "speak"),
    Playback: ("converse", "speak"),
}
"""What a key must be allowed to do beyond listening; any one of these scopes will do."""


def check_mode(identity: Identity, options: Options) -> None:
    """See that the mode is one of the key's.

    Raises:
        ClientError: ``forbidden``.
    """
    if not identity.may(options.mode):
        raise ClientError(Code.FORBIDDEN, f"mode: {options.mode!r} is not within this key's scopes")


def check_command(identity: Identity, command: Command) -> None:
    """See that the key allows what is asked for.

    Raises:
        ClientError: ``forbidden``.
    """
    modes = _MODES_FOR.get(type(command))
    if modes is not None and not any(map(identity.may, modes)):
        message = f"type: this key may not do that; it takes the scope {' or '.join(modes)}"
        raise ClientError(Code.FORBIDDEN, message)
