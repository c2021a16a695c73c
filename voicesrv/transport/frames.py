"""WebSocket frames: cut out of a byte stream, bounded by what their headers say, and written. Pure.

The layout of a frame is that of RFC 6455, section 5.2.
"""

from __future__ import annotations

from websockets.exceptions import ProtocolError

from voicesrv.errors import ClientError, Code

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without a compiled wheel
    from websockets.utils import apply_mask

TEXT, BINARY = 0x81, 0x82
"""First byte of a whole message: FIN and the opcode."""


class FrameReader:
    """Cuts what a client sends into whole frames, and keeps no more of a message than is allowed.

    ``feed`` what arrives, then ``take`` frames until there is none; taking may stop at any frame and go
    on later. What else may be wrong with a frame is left to whoever parses it.
    """

    __slots__ = (
        "_data",
        "_is_text",
        "_max_binary",
        "_max_fragments",
        "_max_text",
        "_message_bytes",
        "_n_fragments",
        "_need",
        "_next",
        "_partial",
        "_pos",
        "_start",
    )

    def __init__(self, max_text: int, max_binary: int, max_fragments: int) -> None:
        """Begin at the first frame.

        Args:
            max_text: bytes of one text message, at least 125.
            max_binary: bytes of one binary message, at least 125.
            max_fragments: frames of one message.
        """
        self._max_text = max_text
        self._max_binary = max_binary
        self._max_fragments = max_fragments
        self._data = b""  # whole frames, and maybe the beginning of one
        self._pos = self._start = self._next = 0  # in it: the frame taken last, its payload, what follows
        self._partial = bytearray()  # the beginning of a frame
        self._need = 0  # bytes of it that are worth another look
        self._is_text = False  # the message whose fragments come
        self._message_bytes = 0
        self._n_fragments = 0

    def feed(self, data: bytes) -> None:
        """Add what arrived, cut anywhere."""
        if self._next < len(self._data):
            self._data, self._next = self._data[self._next :] + data, 0
        elif self._need:
            # A frame that comes in many pieces is joined once: adding each to ``bytes`` would be quadratic.
            self._partial += data
            if len(self._partial) >= self._need:
                self._data, self._next = bytes(self._partial), 0
                self._partial, self._need = bytearray(), 0
        else:
            self._data, self._next = data, 0

    def take(self) -> int | None:
        """Step to the next frame.

        Returns:
            Its first byte (FIN, three reserved bits, opcode); None where more must be fed first.

        Raises:
            ClientError: ``too_large``, by the frame's header alone.
            ProtocolError: a control frame over 125 bytes, or a length over 63 bits.
        """
        data, pos = self._data, self._next
        left = len(data) - pos
        if left < 2:
            self._wait(2)
            return None
        first, second = data[pos], data[pos + 1]
        header, size = 2, second & 0x7F
        if size > 125:
            header = 4 if size == 126 else 10
            if left < header:
                self._wait(header)
                return None
            size = int.from_bytes(data[pos + 2 : pos + header], "big")
        if second >= 0x80:
            header += 4  # the mask
        opcode = first & 0x0F
        if size > 125:
            self._check_size(opcode, size)
        if left < header + size:
            self._wait(header + size)
            return None
        self._pos, self._start, self._next = pos, pos + header, pos + header + size
        if opcode < 8 and (opcode == 0 or first < 0x80):
            self._count_fragment(opcode, size)
        return first

    def is_masked(self) -> bool:
        """Whether the frame taken last is masked, as all of a client's must be."""
        return self._data[self._pos + 1] >= 0x80

    def payload(self) -> bytes:
        """The unmasked payload of the frame taken last, which must be masked."""
        start = self._start
        return apply_mask(self._data[start : self._next], self._data[start - 4 : start])

    def raw(self) -> bytes:
        """The frame taken last, as it came."""
        return self._data[self._pos : self._next]

    def _wait(self, need: int) -> None:
        rest = self._data[self._next :]
        self._data, self._next = b"", 0
        if rest:
            self._partial += rest
            self._need = need

    def _check_size(self, opcode: int, size: int) -> None:
        if opcode >= 8:
            raise ProtocolError("control frame too long")
        if size >> 63:
            raise ProtocolError("length over 63 bits")
        limit = self._limit(self._is_text if opcode == 0 else opcode == 1)
        if size > limit - (self._message_bytes if opcode == 0 else 0):
            raise _too_large(limit)

    def _count_fragment(self, opcode: int, size: int) -> None:
        if opcode:
            self._is_text, self._message_bytes, self._n_fragments = opcode == 1, 0, 0
        self._message_bytes += size
        self._n_fragments += 1
        limit = self._limit(self._is_text)
        if self._message_bytes > limit:
            raise _too_large(limit)
        if self._n_fragments > self._max_fragments:
            raise ClientError(Code.TOO_LARGE, f"a message in over {self._max_fragments} fragments")

    def _limit(self, is_text: bool) -> int:
        return self._max_text if is_text else self._max_binary


def write_frame(first: int, data: bytes) -> bytes:
    """Write a frame as a server does, unmasked.

    Args:
        first: FIN and opcode, such as ``TEXT``.
        data: of any length.
    """
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


def _too_large(limit: int) -> ClientError:
    return ClientError(Code.TOO_LARGE, f"a message of over {limit} bytes")
