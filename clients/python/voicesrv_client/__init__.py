"""Talk to a voicesrv: the Python client of ``voicesrv.v1``. It needs nothing of the server and nothing but websockets.

``VoiceClient`` is a conversation, ``Settings`` what it can be like, ``events`` what it yields, and
``VoiceClientError`` the root of what it raises. ``tls`` is for servers with a certificate of their own;
``devices`` (extra ``mic``) are microphone and speaker, ``Playout`` is what waits to be heard; ``pacing`` sends files no
faster than allowed.
"""

from voicesrv_client import events
from voicesrv_client.client import VoiceClient
from voicesrv_client.errors import Closed, ProtocolError, Refused, Unreachable, Untrusted, VoiceClientError
from voicesrv_client.playout import Playout
from voicesrv_client.settings import Settings, Tool
from voicesrv_client.upkeep import Upkeep

__all__ = [
    "Closed",
    "Playout",
    "ProtocolError",
    "Refused",
    "Settings",
    "Tool",
    "Unreachable",
    "Untrusted",
    "Upkeep",
    "VoiceClient",
    "VoiceClientError",
    "events",
]
