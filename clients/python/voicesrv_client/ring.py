"""What the microphone said last, kept so that a resumed connection can be told again."""

from __future__ import annotations

from voicesrv_client.protocol import bytes_per_second, frame_bytes

AudioFormat = tuple[str, int, int]
"""Encoding, samples per second, channels."""


class MicrophoneRing:
    """The last seconds of input audio and how far they have been handed to the connection.

    Positions count bytes since the start of the conversation. Pure: the client asks for what is
    ``pending`` and sends it.
    """

    def __init__(self, encoding: str = "linear16", sample_rate: int = 16000, channels: int = 1, seconds: float = 30.0):
        """Start empty.

        Args:
            seconds: how much to keep; older audio is dropped.

        Raises:
            ValueError: no such encoding.
        """
        self._frame_bytes = frame_bytes(encoding, channels)
        self._per_second = bytes_per_second(encoding, sample_rate, channels)
        self._capacity = int(seconds * self._per_second)
        self._data = bytearray()
        self._start = 0  # position of the first byte kept
        self._cursor = 0  # position of the first byte not yet handed on
        self._origin = 0  # position of the first byte that the server counts from

    @property
    def end(self) -> int:
        """Position after the last byte given."""
        return self._start + len(self._data)

    def append(self, data: bytes) -> None:
        """Take audio from the microphone, any number of bytes."""
        self._data += data
        # Cut in large steps: each cut moves what is kept.
        if len(self._data) > self._capacity + self._capacity // 4:
            self._drop_samples(len(self._data) - self._capacity)

    def pending(self, until: int | None = None, limit: int = 32_000) -> bytes:
        """Give audio that was not handed on yet, and count it as handed on.

        Args:
            until: a position to stop at.
            limit: bytes at most.
        """
        if self._cursor < self._start:
            # A gap of whole samples, as the server may hold half of one; its count leaves the gap out.
            gap = -(-(self._start - self._cursor) // self._frame_bytes) * self._frame_bytes
            self._origin += gap
            self._cursor += gap
        start = self._cursor - self._start
        if until is not None:
            limit = min(limit, max(0, until - self._cursor))
        chunk = bytes(self._data[start : start + limit])
        self._cursor += len(chunk)
        return chunk

    def rewind(self, received_ms: int) -> int:
        """Go back to what the server has; what comes after it is pending again.

        Returns:
            ms of audio that neither side has any more; 0 where nothing is lost.
        """
        position = self._origin + received_ms * self._per_second // 1000 // self._frame_bytes * self._frame_bytes
        lost = max(0, self._start - position)
        self._origin += lost
        self._cursor = min(position + lost, self.end)
        return lost * 1000 // self._per_second

    def lacks(self, position: int) -> bool:
        """Whether more audio before a position was not handed on than the server's count in ms rounds off."""
        return position - self._cursor > self._per_second // 1000

    def restart(self, received_ms: int = 0) -> None:
        """Begin a new conversation, in which the server has ``received_ms`` from others already.

        Audio that is kept is dropped: it belongs to a turn that the new conversation knows nothing of.
        """
        self._drop_samples(len(self._data))
        self._begin(self._start, received_ms)

    def changed(self, encoding: str, sample_rate: int, channels: int, at: int) -> None:
        """Go on in another format, which what was given from a position on is in already.

        Audio in the old format, all of it handed on, is dropped: sent again, it would be taken for the new one.
        """
        elapsed_ms = (self._cursor - self._origin) * 1000 // self._per_second
        capacity_s = self._capacity / self._per_second
        self._frame_bytes = frame_bytes(encoding, channels)
        self._per_second = bytes_per_second(encoding, sample_rate, channels)
        self._capacity = int(capacity_s * self._per_second)
        del self._data[: max(0, at - self._start)]
        self._start = max(at, self._start)
        self._begin(at, elapsed_ms)

    def _begin(self, at: int, received_ms: int) -> None:
        self._cursor = at
        self._origin = at - received_ms * self._per_second // 1000 // self._frame_bytes * self._frame_bytes

    def _drop_samples(self, n_bytes: int) -> None:
        # Only whole samples, or all that follows would be shifted by a byte.
        n_bytes -= n_bytes % self._frame_bytes
        del self._data[:n_bytes]
        self._start += n_bytes
