"""The Python client of ``voicesrv.v1``. It needs nothing of the server and nothing but websockets.

``VoiceClient`` is a conversation, ``events`` is what it yields, ``errors`` what it raises.
"""

from voicesrv.client.client import VoiceClient
from voicesrv.client.errors import Closed, ProtocolError, Refused, Unreachable, VoiceClientError
from voicesrv.client.link import Upkeep

__all__ = ["Closed", "ProtocolError", "Refused", "Unreachable", "Upkeep", "VoiceClient", "VoiceClientError"]
